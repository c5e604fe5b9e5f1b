"""In the path of a host: each process that takes a step about a file of a certain name dies, as of a memory bomb, or is slow.

`poison-prepare`, `slow-prepare` and `poison-write` by the file's path, `poison-collect` by its deployment.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

SLOW_SECONDS = 90.0
STEPS: dict[str, tuple[str, str, Callable[[Any], str]]] = {
    "steps.prepare.preparation": ("prepare", "_make_plan", lambda given: given[1].claim.path),
    "steps.collect.request_outcomes": (
        "collect",
        "RequestOutcomes.collect",
        lambda given: given[0]._ended.shard.model,  # noqa: SLF001 - a fault is planted where no door is
    ),
    "steps.deliver.outputs": (
        "write",
        "Delivery.processed",
        lambda given: given[0]._plan.path,  # noqa: SLF001 - as above
    ),
}


class Poisoned(Loader):
    """Loads a module and puts poison into one step of it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Make the module as usual."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Load it, then replace the step."""
        self._loader.exec_module(module)
        step, where, name_of = STEPS[module.__name__]
        *owners, name = where.split(".")
        owner: Any = module
        for part in owners:
            owner = getattr(owner, part)
        harmless = getattr(owner, name)

        def deadly(*arguments: Any, **options: Any) -> Any:
            about = name_of(arguments)
            if f"poison-{step}" in about:
                os.kill(os.getpid(), signal.SIGKILL)
            if f"slow-{step}" in about:
                time.sleep(SLOW_SECONDS)
            return harmless(*arguments, **options)

        setattr(owner, name, deadly)


class Finder(MetaPathFinder):
    """Finds the modules that hold such a step."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Give the spec of a module that is to be poisoned, None for all others."""
        if name not in STEPS:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            spec.loader = Poisoned(spec.loader)
        return spec


sys.meta_path.insert(0, Finder())
