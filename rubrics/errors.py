"""The one error that a user can mend.

Every floor raises it, the command line prints it as one line (exit code 1) and the studio shows it in place. Anything
else that escapes is a fault of ours and keeps its traceback.
"""


class UserError(Exception):
    """Says in one line what is wrong, where it is, and how to mend it."""
