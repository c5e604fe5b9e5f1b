"""What people see of the work: read when they look, at no cost while they do not."""
