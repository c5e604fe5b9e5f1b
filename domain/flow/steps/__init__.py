"""The steps of the flow, a module each: when a call is due, and what its answer changes."""
