"""A fault of ours in the log, without the text of anybody's dialogue.

A ValueError or a validation error likes to quote the value it stumbled over, which here may be somebody's words. So a
message is kept only for kinds that speak of the machine and the code; the others show their type and their frames.
"""

import traceback
from collections.abc import Iterator

_SPEAKS_OF_THE_MACHINE = (OSError, RuntimeError, MemoryError, ImportError, AttributeError, NameError, TypeError)


def without_text(error: BaseException) -> str:
    """The traceback, the innermost cause first, one block per exception of a chain or group."""
    return "\n".join(_block(one) for one in reversed(list(chain(error))))


def chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, then the members of a group, then what it came from."""
    yield error
    for member in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from chain(member)
    origin = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if origin:
        yield from chain(origin)


def members(error: BaseException) -> Iterator[BaseException]:
    """The single exceptions of a group, however nested; an exception that is no group is its own only member."""
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for member in error.exceptions:
        yield from members(member)


def _block(error: BaseException) -> str:
    shown = str(error) if isinstance(error, _SPEAKS_OF_THE_MACHINE) else "(message withheld, it may quote a dialogue)"
    return f"{type(error).__module__}.{type(error).__name__}: {shown}\n" + "".join(
        traceback.format_tb(error.__traceback__)
    )
