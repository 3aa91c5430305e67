"""The studio's own log: a line of JSON an event on standard error, for whoever runs it. No text of a dialogue is in it.

Every value is a number or words of ours; errors come through `pipeline.faults.without_text`, which withholds messages
that may quote somebody. What looks like a key or a password is left out. Streamlit and the server write lines of their
own beside it, and what they log of an exception is withheld alike.
"""

import json
import logging
import re
import sys
import threading
from datetime import UTC, datetime
from typing import Any

from pipeline import faults

_SECRET = re.compile(r"(?i)\b(sk-[\w-]{8,}|bearer\s+\S+|(?:api[_-]?key|secret|password|token)\s*[=:]\s*\S+)")
_WITHHELD = "(withheld)"


def log(event: str, **told: str | float) -> None:
    """Write one line: when (UTC), what, and what is told of it."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **told}
    print(_SECRET.sub("(left out)", json.dumps(line, ensure_ascii=False)), file=sys.stderr, flush=True)


class _WithoutText(logging.LogRecord):
    """A record without an exception's own words, whoever's logger writes it; its kind and its frames stay."""

    def __init__(self, name: str, level: int, pathname: str, lineno: int, msg: object, args: Any, exc_info: Any,
                 func: str | None = None, sinfo: str | None = None, **others: Any) -> None:  # fmt: skip
        super().__init__(name, level, pathname, lineno, _kind(msg), _kinds(args), None, func, sinfo, **others)
        if exc_info and exc_info[1]:
            said = _without_words_of(exc_info[1], self.getMessage())
            self.msg, self.args = f"{said}\n{faults.without_text(exc_info[1])}", ()


def keep_texts_out() -> None:
    """From now on nobody in this process logs what somebody said, neither a page nor the server nor a thread."""
    logging.setLogRecordFactory(_WithoutText)
    threading.excepthook = _tell_of_thread


def _tell_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value and not isinstance(ended.exc_value, SystemExit):
        log("thread_failed", why=faults.without_text(ended.exc_value))


def _kinds(args: Any) -> Any:
    return tuple(map(_kind, args)) if isinstance(args, tuple) else args


def _kind(value: Any) -> Any:
    """Of an exception that is logged like a word, its kind alone."""
    return f"{type(value).__name__} {_WITHHELD}" if isinstance(value, BaseException) else value


def _without_words_of(error: BaseException, message: str) -> str:
    """A message often repeats the exception that stands beside it."""
    for one in faults.chain(error):
        for words in filter(None, (repr(one), str(one))):
            message = message.replace(words, _WITHHELD)
    return message
