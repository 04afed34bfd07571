"""The exceptions that are no defects: a user's mistake, a run that diverged, and one that was stopped."""


class UserError(Exception):
    """A mistake that the user can mend: bad flag, configuration, video or workdir.

    Its message is one plain sentence that names the value, the place and the way out. `launch.py`
    prints it and exits with status 2; the traceback is shown only with `--debug`.
    """


class Diverged(UserError):
    """A run whose loss or network became infinite or not a number."""


class Stopped(BaseException):
    """A run that ends before it is finished, as it was asked to, with nothing lost.

    Like KeyboardInterrupt it is no `Exception`: a library's `except Exception` must not swallow it.

    Its message says where it stopped; `exit_status` is what the shell is told.
    """

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status
