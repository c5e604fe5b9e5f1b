"""From outcomes to results, errors, retry file and metadata."""
