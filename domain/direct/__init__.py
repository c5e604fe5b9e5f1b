"""Live calls: grouping rows, the log of what was sent, the pace."""
