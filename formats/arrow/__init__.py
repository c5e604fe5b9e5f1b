"""Formats with typed columns: parquet, Arrow, feather."""
