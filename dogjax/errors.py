"""The one exception that stands for a user's mistake."""


class UserError(Exception):
    """A mistake that the user can mend: bad flag, configuration, video or workdir.

    Its message is one plain sentence that names the value, the place and the way out. `launch.py`
    prints it and exits with status 2; the traceback is shown only with `--debug`.
    """
