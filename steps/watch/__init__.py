"""While batches are worked on: what has become of them, which are called off, how many each snapshot may have."""
