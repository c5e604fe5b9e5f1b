"""The records that the pipeline keeps for itself in the work container."""
