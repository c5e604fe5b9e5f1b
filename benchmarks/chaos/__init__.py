"""Chaos: kill the host a hundred times, wipe its memory, let the service misbehave; then count every request.

    python -m benchmarks.chaos [--files 200] [--kills 100] [--wipes 2] [--seed 7] [--rows 20] [--hosts 1]
    python -m benchmarks.chaos --misery [--files 200] [--seed 7]

What stands between the app and the service, and between the app and storage, spoils calls at random as well (`--weather`).
With `--misery`: bad files of every kind among good ones; what becomes of each, and by how much the good ones are held up.

Modules, in the order of events: `workload` (what is dropped), `faults` (what the service does to it), `containers` and
`hosts` (what there is), `course` (drops, kills, wipes, the wait for the end), `balance` (what came back, and what is
wrong with it), `run` (all of it), `report`; for the misery `bad_files`, `watched_host`, `misery`.
"""
