"""A module for each verb, with a click command named `command`. Imported when the verb is asked for."""
