"""The studio's log: a line of JSON an event on standard error, for whoever runs it. No text of a dialogue is in it.

Every value is a number or words of ours; errors come through `pipeline.faults.without_text`, which withholds messages
that may quote somebody. What looks like a key or a password is left out. What Streamlit, the server and other packages
log is a line of the same kind, `"event": "logged"` with its level, logger and message, and withheld alike.
"""

import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import streamlit.logger
import uvicorn.config

from pipeline import faults

_SECRET = re.compile(r"(?i)\b(sk-[\w-]{8,}|bearer\s+\S+|(?:api[_-]?key|secret|password|token)\s*[=:]\s*\S+)")
_WITHHELD = "(withheld)"


def log(event: str, **told: str | float) -> None:
    """Write one line: when (UTC), what, and what is told of it."""
    sys.stderr.write(_line(event, told) + "\n")  # in one piece: threads write here at once
    sys.stderr.flush()


def say(words: str, event: str, **told: str | float) -> None:
    """Tell who started the studio: in words at a terminal, and as a line of the log where nobody sits."""
    if sys.stderr.isatty():
        print(words, file=sys.stderr, flush=True)
    else:
        log(event, **told)


def _line(event: str, told: Mapping[str, str | float]) -> str:
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **told}
    return _SECRET.sub("(left out)", json.dumps(line, ensure_ascii=False))


class _Lines(logging.Formatter):
    """A record of anybody's logger as a line of ours."""

    def format(self, record: logging.LogRecord) -> str:
        told = {"level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        return _line("logged", told)


class _WithoutText(logging.LogRecord):
    """A record without an exception's own words, whoever's logger writes it; its kind and its frames stay."""

    def __init__(self, name: str, level: int, pathname: str, lineno: int, msg: object, args: Any, exc_info: Any,
                 func: str | None = None, sinfo: str | None = None, **others: Any) -> None:  # fmt: skip
        super().__init__(name, level, pathname, lineno, _kind(msg), _kinds(args), None, func, sinfo, **others)
        if exc_info and exc_info[1]:
            said = _without_words_of(exc_info[1], self.getMessage())
            self.msg, self.args = f"{said}\n{faults.without_text(exc_info[1])}", ()


def keep_texts_out() -> None:
    """From now on nobody in this process logs what somebody said, neither a page nor the server nor a thread, and
    whatever is logged is a line of JSON.
    """
    logging.setLogRecordFactory(_WithoutText)
    threading.excepthook = _tell_of_thread
    sys.excepthook = _tell_of_end
    sys.unraisablehook = _tell_of_unraisable
    logging.captureWarnings(True)
    warnings.formatwarning = _only_where
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines())
    logging.basicConfig(handlers=[handler], force=True)
    # Streamlit gives each of its loggers a handler of its own, also those that it makes later; the server does so when
    # it is configured.
    uvicorn.config.LOGGING_CONFIG["loggers"] = {}
    streamlit.logger.setup_formatter = _to_root
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger) and logger.handlers:
            _to_root(logger)


def _to_root(logger: logging.Logger) -> None:
    logger.handlers.clear()
    logger.propagate = True


def _tell_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value and not isinstance(ended.exc_value, SystemExit):
        log("thread_failed", why=faults.without_text(ended.exc_value))


def _tell_of_end(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
    log("failed", why=faults.without_text(error))


def _tell_of_unraisable(told: Any) -> None:
    if told.exc_value:
        log("failed_unseen", why=faults.without_text(told.exc_value))


def _only_where(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A warning without its source line, in one line."""
    return f"{filename}:{lineno}: {category.__name__}: {message}"


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
