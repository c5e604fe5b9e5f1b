"""Small files that share batches: where they come in, and where their results go out."""
