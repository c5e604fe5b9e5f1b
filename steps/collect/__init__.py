"""From an ended batch to an outcome beside each request."""
