"""The order of events. Deterministic, replayed from the top; no I/O, no clock but the context's."""
