"""A small `make chaos`: a host that is killed again and again, a service that misbehaves, and an even balance."""

from pathlib import Path

from benchmarks.chaos.faults import QUICK_KINDS
from benchmarks.chaos.run import Trial, run
from benchmarks.chaos.workload import IN_A_ROW, ODD_CONTENTS, plan_files

SEED = 20261124
KILLS = 8
ROWS = 6
KINDS = ("bad-lines", "overwritten", "rows-throttled", "deleted", "expired", "empty", "failed-with-lines")


def test_kills_and_a_wiped_task_hub_lose_nothing_and_pay_nothing_twice(tmp_path: Path) -> None:
    trial = Trial(
        files=plan_files(2 * IN_A_ROW * len(KINDS), rows=ROWS, seed=SEED, kinds=KINDS),
        seed=SEED,
        rows=ROWS,
        kills=KILLS,
        wipes=1,
        median_seconds=0.3,
        long_waits=False,
        patience_seconds=90,
    )

    verdict = run(trial, tmp_path / "chaos", lambda _: None)

    assert verdict.broken_off is None
    assert {name: found for name, found in verdict.balance.wrong.items() if found} == {}
    assert verdict.failed_orchestrations == []
    assert verdict.balance.requests > ROWS * len(KINDS)
    assert (verdict.kills, verdict.wipes) == (KILLS, 1)


def test_the_kinds_of_the_small_run_exist() -> None:
    assert set(KINDS) <= {*QUICK_KINDS, *ODD_CONTENTS, "overwritten", "deleted"}
