"""Errors that are a user's to mend. The command line prints them in one sentence and leaves with their exit status."""


class UserError(Exception):
    """Something that the user can put right: what, where, expected and got; `hint` says what to do.

    Attributes:
        exit_status: how the command line leaves.
        hint: an optional second line.
    """

    exit_status = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(UserError):
    """An option or argument that makes no sense."""

    exit_status = 2


class InputError(UserError):
    """A file that cannot be read, or does not hold what it should."""

    exit_status = 3


class OutputError(UserError):
    """An output that exists already, or cannot be written."""

    exit_status = 5


class NumericalError(UserError):
    """Numbers that stopped being finite and could not be recovered."""

    exit_status = 8
