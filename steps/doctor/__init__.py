"""What may be wrong with an app and what it works on: a check for each, which changes nothing and spends nothing."""
