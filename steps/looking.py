"""Looks at the service: what they are refused says nothing about the thing that is looked for."""

from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import PassingError, RefusedError


@contextmanager
def looking() -> Iterator[None]:
    """Let a refused look be one to be repeated, for as long as the flow is patient.

    A refusal of content is final; the refusal to show a file or a batch must not be taken for one.
    """
    try:
        yield
    except RefusedError as error:
        raise PassingError(str(error), code=error.code) from error
