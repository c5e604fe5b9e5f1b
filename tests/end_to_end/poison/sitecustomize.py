"""In the path of a host: each process that takes the step about a file whose deployment names it dies, as of a memory bomb.

`poison-prepare`, `poison-collect`, `poison-write`.
"""

import os
import signal
import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

STEPS: dict[str, tuple[str, str, Callable[[Any], str]]] = {
    "steps.prepare.preparation": ("poison-prepare", "_make_plan", lambda given: given[1].claim.path),
    "steps.collect.collection": (
        "poison-collect",
        "Collection._collect",
        lambda given: given[0]._ended.shard.model,
    ),
    "steps.deliver.outputs": ("poison-write", "Delivery.processed", lambda given: given[0]._plan.path),
}


class Poisoned(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        poison, where, name_of = STEPS[module.__name__]
        *owners, name = where.split(".")
        owner: Any = module
        for part in owners:
            owner = getattr(owner, part)
        harmless = getattr(owner, name)

        def deadly(*arguments: Any, **options: Any) -> Any:
            if poison in name_of(arguments):
                os.kill(os.getpid(), signal.SIGKILL)
            return harmless(*arguments, **options)

        setattr(owner, name, deadly)


class Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name not in STEPS:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            spec.loader = Poisoned(spec.loader)
        return spec


sys.meta_path.insert(0, Finder())
