"""The one base of errors whose text was written for users."""


class PlainError(ValueError):
    """Something cannot be done as it was asked; the first line of the text is one sentence: where, what, what helps.

    A command prints that sentence and ends with status 1; any other error is a fault of the program.
    """


class CompilerFault(PlainError):
    """What was compiled is wrong, and it is not the user's doing: nothing of it is written.

    fault: where and what.
    """

    def __init__(self, fault: str) -> None:
        self.fault = fault
        super().__init__(f"the program is wrong: {fault} (a fault of the compiler: please report it with the package)")
