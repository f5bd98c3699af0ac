"""The same operations for a terminal."""


def set_up(app) -> None:
    """Register every command."""
