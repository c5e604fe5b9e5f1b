"""The course of events: drops in waves, kills and wipes at moments the dice choose, then the wait for the end."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.chaos.containers import Containers, Version
from benchmarks.chaos.hosts import MortalHost
from benchmarks.chaos.workload import DroppedFile
from local.azure_openai import RunningService

TICK_SECONDS = 0.05
LOOK_SECONDS = 0.5
WAVES = 10


class StandstillError(RuntimeError):
    """Nothing has changed for too long; the message says what is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What can be told while it runs."""

    seconds: float
    dropped: int
    to_drop: int
    waiting: int
    notes: int
    service_files: int
    kills: int
    wipes: int


class Course:
    """One run. `patience_seconds`: how long nothing may change after the last kill.

    `calm` ends the faults between the app and all else, once every file is done; `last` is dropped then: what was left behind is
    removed by the next snapshot, where there is one.
    """

    def __init__(
        self,
        files: Sequence[DroppedFile],
        hosts: Sequence[MortalHost],
        containers: Containers,
        service: RunningService,
        *,
        kills: int,
        wipes: int,
        patience_seconds: float,
        dice: random.Random,
        tell: Callable[[Progress], None],
        calm: Callable[[], None] = lambda: None,
        last: DroppedFile | None = None,
    ) -> None:
        self._calm, self._last = calm, last
        self._to_drop, self._hosts, self._containers, self._service = list(files), hosts, containers, service
        self._kills, self._patience, self._dice, self._tell = kills, patience_seconds, dice, tell
        self._wipe_at = {round(kills * number / (wipes + 1)) for number in range(1, wipes + 1)}
        self._files = len(files)
        self._unchanged: dict[Version, DroppedFile] = {}  # their change is still to come
        self.dropped: dict[Version, bytes] = {}
        self.seconds = 0.0

    @property
    def killed(self) -> int:
        """Kills so far."""
        return sum(host.kills for host in self._hosts)

    def run(self) -> None:
        """Run to the end. Raises StandstillError when it is not reached, HostDiedError when a host ends by itself."""
        begun = time.monotonic()
        for host in self._hosts:
            host.start()
        last, changed_at, next_look = None, begun, begun
        while True:
            self._kill_those_due()
            if time.monotonic() >= next_look:
                self._drop_due_wave()
                self._change_files()
                seen = self._look(begun)
                self._tell(seen)
                state = (seen.waiting, seen.notes, seen.service_files, seen.kills, self._activity())
                if state != last:
                    last, changed_at = state, time.monotonic()
                if self._is_over(seen):
                    if self._last is None:
                        self.seconds = seen.seconds
                        return
                    self._drop(self._last.path, self._last.contents[0])
                    self._last = None
                if time.monotonic() - changed_at > self._patience:
                    raise StandstillError(f"Nothing has changed for {self._patience:.0f} s: {seen}")
                next_look = time.monotonic() + LOOK_SECONDS
            time.sleep(TICK_SECONDS)

    def _kill_those_due(self) -> None:
        for host in self._hosts:
            host.look()
            if host.is_due and self.killed < self._kills:
                host.kill(wipe=self.killed + 1 in self._wipe_at)
                host.start()

    def _drop_due_wave(self) -> None:
        """Drop what is due: the files are spread over the kills, so that each hits some work."""
        share = 1.0 if self.killed >= self._kills else (1 + self.killed * WAVES // self._kills) / WAVES
        due = round(self._files * share) - (self._files - len(self._to_drop))
        for file in [self._to_drop.pop(0) for _ in range(due)]:
            version = self._drop(file.path, file.contents[0])
            if file.change:
                self._unchanged[version] = file

    def _drop(self, path: str, content: bytes) -> Version:
        version = self._containers.drop(path, content)
        self.dropped[version] = content
        return version

    def _change_files(self) -> None:
        """Overwrite, delete or drop again the files whose moment has come."""
        if not self._unchanged:
            return
        worked_on, waiting = self._containers.worked_on(), self._containers.waiting()
        for version, file in list(self._unchanged.items()):
            is_taken = version in worked_on
            is_finished = not is_taken and file.path not in waiting
            if file.change == "deleted" and is_taken:
                self._containers.delete_input(file.path)
            elif (file.change == "overwritten" and is_taken) or (file.change and is_finished):
                for content in file.contents[1:]:
                    self._drop(file.path, content)
            else:
                continue
            del self._unchanged[version]

    def _look(self, begun: float) -> Progress:
        return Progress(
            seconds=time.monotonic() - begun,
            dropped=len(self.dropped),
            to_drop=len(self._to_drop) + len(self._unchanged),
            waiting=len(self._containers.waiting()),
            notes=len(self._containers.notes()),
            service_files=sum(len(names) for names in self._service.counters()["files"].values()),
            kills=self.killed,
            wipes=sum(host.wipes for host in self._hosts),
        )

    def _activity(self) -> int:
        """Count what changes the service: polls go on for ever, and are no progress."""
        calls = self._service.counters()["calls"]
        return sum(
            calls.get(name, {}).get("total", 0)
            for name in ("upload", "create_batch", "content", "cancel_batch")
        )

    def _is_over(self, seen: Progress) -> bool:
        if seen.to_drop or seen.waiting or seen.kills < self._kills:
            return False
        self._calm()
        return self._last is not None or not (seen.notes or seen.service_files)
