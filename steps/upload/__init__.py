"""Files that people bring: a link to write one, and what is wrong with a job spec before it goes."""
