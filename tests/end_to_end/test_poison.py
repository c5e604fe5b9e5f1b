"""A file that kills every process that works on it: the others are done, and it is set aside with the reason."""

import os
from pathlib import Path

import pytest
from requests import ConnectionError  # noqa: A004 - what is raised when the host dies meanwhile

from benchmarks.chaos.misery import POISON
from steps.containment import ALONE_FROM
from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import requests

GOOD = 6
SPEC = 'deployment: %s\nmessages: [{role: user, content: "Say {{ text }}"}]\n'
# Beyond what is too small to do harm.
LONG = b"text\n" + b"".join(b"a text of row %d with some words in it\n" % row for row in range(500))
WORDS = {
    "poison-prepare": "it was prepared",
    "poison-collect": "answers were collected",
    "poison-write": "its outputs were written",
}


def test_files_that_kill_their_worker_are_set_aside_and_the_others_are_done(
    make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [str(POISON), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    pipeline = make_pipeline()
    for number in range(GOOD):
        pipeline.drop(f"good-{number}.jsonl", requests(f"good-{number}", 3))
    for poison in WORDS:
        pipeline.drop(f"{poison}/_batch.yaml", (SPEC % poison).encode())
        pipeline.drop(f"{poison}/{poison}.csv", LONG)
    deaths = 0

    def held() -> list[dict[str, str]]:
        nonlocal deaths
        if not pipeline.host.is_running:
            deaths += 1
            pipeline.host.start()
        try:
            return list(pipeline.host.get("/api/files").json()["held"])
        except ConnectionError:
            return []

    pipeline.wait_until(lambda: len(held()) == len(WORDS))
    reasons = {Path(file["file"]).stem: file["reason"] for file in held()}
    for poison, words in WORDS.items():
        told = f"set_aside: It stopped its worker again and again while {words}. It was ended by signal 9."
        assert told in reasons[poison]
    # The last process to die of each was its own.
    assert deaths <= len(WORDS) * (ALONE_FROM - 1)
    pipeline.wait_until(lambda: not any("good" in path for path in pipeline.containers.waiting()))
    for number in range(GOOD):
        assert len(pipeline.delivery(f"good-{number}.jsonl").answered) == 3
