"""The pipeline's nouns and rules. Pure: no I/O, no SDK, no clock, no environment."""
