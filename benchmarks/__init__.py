"""What the pipeline costs: time, memory, calls.

    make bench                everything
    python -m benchmarks [--only makespan,memory] [--quick] [--strict] [--folder DIR]

Every part measures one thing and gives figures, those that the design sets a limit for with their budget beside them. The
page `benchmarks/README.md` is written from them, and `benchmarks/results.json` for machines; a part that is not run keeps
what it measured last. `--quick` is a smoke test of the measuring itself: everything small, nothing kept.

Modules: `figures` (what a measurement is), `workload` (what goes in), `rig` (storage, service and host as processes of
their own), `parts` (the measurements), `machine` and `page` (what people read). `chaos` is a trial of another kind.
"""
