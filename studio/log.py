"""The studio's own log: a line of JSON an event on standard error, for whoever runs it. No text of a dialogue is in it.

Every value is a number or words of ours; errors come through `pipeline.faults.without_text`, which withholds messages
that may quote somebody. What looks like a key or a password is left out.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime

from pipeline import faults

_SECRET = re.compile(r"(?i)\b(sk-[\w-]{8,}|bearer\s+\S+|(?:api[_-]?key|secret|password|token)\s*[=:]\s*\S+)")
# They log the exceptions of pages and of routes, with what these say.
_OF_OTHERS = ("streamlit.error_util", "uvicorn.error", "asyncio")


def log(event: str, **told: str | float) -> None:
    """Write one line: when (UTC), what, and what is told of it."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **told}
    print(_SECRET.sub("(left out)", json.dumps(line, ensure_ascii=False)), file=sys.stderr, flush=True)


class _WithoutText(logging.Filter):
    """Takes an exception's own words out of a record; its kind and its frames stay."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place and let it pass."""
        if record.exc_info and record.exc_info[1]:
            record.msg = f"{record.getMessage()}\n{faults.without_text(record.exc_info[1])}"
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


def keep_texts_out() -> None:
    """From now on Streamlit and the server log what went wrong on a page without what somebody said there."""
    for name in _OF_OTHERS:
        known = logging.getLogger(name)
        if not any(isinstance(one, _WithoutText) for one in known.filters):
            known.addFilter(_WithoutText())
