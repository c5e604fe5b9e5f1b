"""What activities and triggers do, a folder per stretch of the way. Knows no Functions SDK."""
