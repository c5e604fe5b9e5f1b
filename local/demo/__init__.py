"""The whole pipeline on one machine: storage, a local batch service and a Functions host, with the samples dropped in.

`python -m local.demo` runs it to its end and checks that every request came back once; with `--keep` everything stays up,
and the command `aoai-batch` finds it.
"""
