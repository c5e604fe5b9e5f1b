"""What a walk waits for: settled once, never unsettled, told to those who listen."""

from collections.abc import Callable, Sequence


class Await:
    """Something that is done sooner or later."""

    __slots__ = ("_listeners", "is_done")

    def __init__(self, *, is_done: bool = False) -> None:
        self.is_done = is_done
        self._listeners: list[Callable[[], None]] = []

    def when_done(self, listener: Callable[[], None]) -> None:
        """Call `listener` once: now if this is done, else the moment it is."""
        if self.is_done:
            listener()
        else:
            self._listeners.append(listener)

    def finish(self) -> None:
        """Be done, and tell the listeners in the order they came."""
        if self.is_done:
            return
        self.is_done = True
        for listener in self._listeners:
            listener()


DONE = Await(is_done=True)


def all_of(children: Sequence[Await]) -> Await:
    """Done when every child is; with no children, at once."""
    everything = Await()
    pending = len(children)

    def child_is_done() -> None:
        nonlocal pending
        pending -= 1
        if pending == 0:
            everything.finish()

    for child in children:
        child.when_done(child_is_done)
    return everything if children else DONE


def any_of(children: Sequence[Await]) -> Await:
    """Done when any child is; with no children, at once."""
    first = Await()
    for child in children:
        child.when_done(first.finish)
    return first if children else DONE
