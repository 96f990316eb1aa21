"""How the server says that it cannot start."""


class LoadError(Exception):
    """The model cannot be served; one sentence with what to do."""
