"""What people's looks ask of the task hub."""

from typing import Any, Protocol

from steps.intake import liveness


class TaskHub(liveness.TaskHub, Protocol):
    """What is asked of the durable client."""

    async def get_status(self, instance_id: str, *, show_input: bool = False) -> Any:
        """Give an instance's status, with its input where that is asked; something falsy for one that the hub does not know."""
