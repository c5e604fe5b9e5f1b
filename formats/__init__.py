"""File formats: the bytes of a file become rows, rows become bytes. Knows files, not where they lie."""
