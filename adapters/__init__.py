"""The outside world, one module per service. Foreign errors become ours here and nowhere else."""
