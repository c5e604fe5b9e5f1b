"""What the ways of bringing a shard within the service's reach have in common."""

from typing import TYPE_CHECKING, Protocol

from domain.service.batch_states import BatchView

if TYPE_CHECKING:
    from adapters.openai.batch_api import CreatedBatch


class Transport(Protocol):
    """One shard's way to the service, and the batch that is made of it there."""

    @property
    def input_blob(self) -> str | None:
        """The URL of the blob that the service reads; None where it reads a file of its own."""

    def advance(self) -> float | None:
        """Do what is to be done next; gives the seconds to wait for it, None once a batch can be made.

        Raises RefusedError for a shard that the service does not take, ConfigurationError for settings or roles that keep
        it away, PassingError for what may go better the next time.
        """

    def is_of_shard(self, batch: BatchView) -> bool:
        """Tell whether a batch was made of this shard."""

    def create(self, metadata: dict[str, str]) -> "CreatedBatch":
        """Create the batch."""
