"""What a file would take, found out by the app's own readers and rules before anything is sent."""
