"""Pages."""


def set_up(app) -> None:
    """Register every page."""
