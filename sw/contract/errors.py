"""The one exception that reaches a user as a message instead of a traceback."""


class StillframeError(Exception):
    """An input, or a use of it, that Stillframe cannot accept.

    Args:
        message: What was expected, what came, and where (layer name, file, byte, frame).
        hint: What the user can do about it.

    ``str(error)`` is the whole text that the command line prints; the exit status is 2.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  -> {self.hint}" if self.hint else self.message
