"""The pipeline's version, as metadata documents carry it."""

VERSION = "0.1.0"
