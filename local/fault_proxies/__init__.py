"""Proxies that spoil calls on request, or at random: between the app and the simulated service, between the app and storage."""
