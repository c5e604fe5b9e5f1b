"""What people ask for: written down as wishes, seen at the next look."""
