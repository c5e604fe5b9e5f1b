"""What is written at the end: answers, columns, error records, metadata, and where they go."""
