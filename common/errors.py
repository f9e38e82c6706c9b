"""The one exception for what a user can cause and mend."""


class UserError(Exception):
    """A mistake the user can mend.

    The message is one line that names the file, row or flag, says what is wrong and what was expected. Scripts print it
    without a traceback and exit with status 1.
    """
