"""The one base of errors whose text was written for users."""


class PlainError(ValueError):
    """Something cannot be done as it was asked; the first line of the text is one sentence: where, what, what helps.

    A command prints that sentence and ends with status 1; any other error is a fault of the program.
    """
