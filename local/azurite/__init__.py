"""Azurite, the storage emulator, as a child process: `with running() as azurite: azurite.connection_string`."""

from local.azurite.server import Azurite, AzuriteError, running

__all__ = ["Azurite", "AzuriteError", "running"]
