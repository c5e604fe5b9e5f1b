"""What to do next: the rules by which a snapshot's files go from taken to finished."""
