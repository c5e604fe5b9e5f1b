"""From a shard to a batch."""
