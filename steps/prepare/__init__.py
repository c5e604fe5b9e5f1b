"""From an input file to shards."""
