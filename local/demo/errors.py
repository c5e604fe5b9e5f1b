"""What can stop the demo."""


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why, in words for the person who started it."""
