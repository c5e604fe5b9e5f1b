"""Let a life end after each of its effects in turn, however many there are."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from tests.activities.inline_pipeline import Blown, Fuse, InlinePipeline

STEP = 4  # a walk takes every fourth effect, so that several workers may share the way
_orders: dict[str, list[str]] = {}


def walk(way: str, life: Callable[[Fuse], None], points: Callable[[Sequence[str]], Iterable[int]]) -> None:
    """Run `life` undisturbed, then again and again, each time with a fuse that blows after another of its effects.

    `life` builds its own world, and checks in the end that all is done. `points` chooses from the names of the effects
    that the undisturbed life had, in their order; they are counted from 1. Walks along the same `way` share that life.
    """
    if way not in _orders:
        whole = Fuse()
        life(whole)
        _orders[way] = whole.order
    order = _orders[way]
    chosen = list(points(order))
    assert chosen, f"No effect to die after: {order}"
    for effect in chosen:
        try:
            life(Fuse(effect))
        except Exception as error:
            error.add_note(f"It died after effect {effect} of {order}.")
            raise


def every_fourth(first: int) -> Callable[[Sequence[str]], range]:
    """Choose effects `first`, `first` + 4, ...: with all of 1 to 4, no effect is left out."""
    return lambda order: range(first, len(order) + 1, STEP)


def of_its_own(first: int, begin: str) -> Callable[[Sequence[str]], list[int]]:
    """Choose as `every_fourth`, but only from the first effect `begin` to the last one before the input is archived.

    What lies before and after is the same on all ways.
    """

    def chosen(order: Sequence[str]) -> list[int]:
        own = range(order.index(begin) + 1, len(order) - order[::-1].index("copy"))
        return [effect for effect in every_fourth(first)(order) if effect in own]

    return chosen


def die_twice(pipeline: InlinePipeline, fuse: Fuse) -> None:
    """End a life by a fuse, and the next one of the same flow, if it had begun, some effects later."""
    flow = None
    with suppress(Blown):
        flow = pipeline.begin(fuse)
        pipeline.live(flow, fuse)
    if flow is not None and fuse.blows_after is not None:
        with suppress(Blown):
            pipeline.live(flow, Fuse(fuse.blows_after % 7 + 1))
