"""What the HTTP API answers, as types: its own contract, from which the OpenAPI document is made."""
