"""What the host must not forget, in one SQLite file."""
