"""Exceptions that report a user's mistake, a run that diverged, or a run that was stopped."""

import errno


class UserError(Exception):
    """A mistake that the user can mend: a bad flag, configuration, file or workdir.

    Its message is one plain sentence that names the value, the place and the way out. `launch.py`
    prints it and exits with status 2; the traceback is shown only with `--debug`.
    """


class Diverged(UserError):
    """A run whose loss or network became infinite or not a number."""


class Stopped(BaseException):
    """A run that was asked to end before it is finished; nothing is lost.

    Like KeyboardInterrupt it does not derive from `Exception`: a library's `except Exception` must not swallow it.
    Its message says where it stopped; `exit_status` is the process's.
    """

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


def mistake_of(error: Exception) -> str | None:
    """Words an error that the user can mend; None for a defect of the program.

    Besides `UserError` these are a full disk, a device without enough memory, and a device that is not there.
    """
    text = str(error)
    if isinstance(error, UserError):
        return text
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = f" at {error.filename}" if error.filename else ""
        return f"the disk is full{place}; make room, and start the same command again"
    if "RESOURCE_EXHAUSTED" in text or "Out of memory" in text:
        return (
            "the device has too little memory for a step; use a smaller train.batch_size, data.image_size or "
            f"study.width ({_first_line(text)})"
        )
    if isinstance(error, RuntimeError) and "Unable to initialize backend" in text:
        return f"JAX_PLATFORMS or the driver: {_first_line(text)}; unset JAX_PLATFORMS, or name a backend that is there"
    if "No space left on device" in text:  # as TensorFlow, Orbax and TensorStore word it
        return f"the disk is full ({_first_line(text)}); make room, and start the same command again"
    return None


def _first_line(text: str) -> str:
    return text.strip().split("\n")[0][:200]
