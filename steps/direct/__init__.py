"""From a shard to answers by live calls."""
