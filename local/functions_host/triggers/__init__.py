"""What starts functions from outside: HTTP requests, blobs, schedules."""
