"""Translate an event, start an orchestration, leave."""
