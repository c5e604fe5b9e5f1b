"""A pipeline whose hosts come and go."""

from benchmarks.chaos.containers import Containers
from local.azure_openai import RunningService
from tests.end_to_end.pipeline import APP, Pipeline
from tests.genuine.hosts import Hosts, TaskHub
from tests.local.functions_host.running_host import RunningHost

# As deployed: the worker's own default would have activities wait for threads.
THREADS = {"PYTHON_THREADPOOL_THREAD_COUNT": "24"}
NEVER = "0 0 0 1 1 *"


class Stage(Pipeline):
    """Containers and the simulated service, and the unmodified app on hosts that a story starts."""

    limit_seconds = 300.0  # time-outs of a minute are part of some stories

    def __init__(
        self, containers: Containers, service: RunningService, hosts: Hosts, environment: dict[str, str]
    ) -> None:
        super().__init__(containers, service, [])
        self.kind, self.azurite = hosts.kind, hosts.azurite
        self._makes, self._environment = hosts, environment

    def hub(self) -> TaskHub:
        """Give an empty task hub."""
        return self._makes.hub()

    def start(self, *arguments: str, hub: TaskHub | None = None, **environment: str) -> RunningHost:
        """Start the app, on a task hub of its own if none is given; `arguments` are for the genuine host alone."""
        settings = THREADS | self._environment | environment
        self.hosts.append(self._makes.start(APP, *arguments, hub=hub, **settings))
        return self.hosts[-1]
