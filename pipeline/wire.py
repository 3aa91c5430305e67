"""One request to an endpoint, by the rules of the openai package and without its request path.

That path spends most of a call's processor time on building and copying its own request objects (`python -m
bench.judge` measures it beside ours). So the package says where a call goes and with which headers, and its rules say
what is tried again and when; the request is sent by aiohttp, which it can use for its own transport, too.
"""

import email.utils
import math
import random
import time
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
from openai import AsyncOpenAI, Omit
from yarl import URL

from pipeline.endpoints import Endpoint

CONNECT_S = 10.0
FIRST_WAIT_S, LONGEST_WAIT_S, LONGEST_ASKED_S = 0.5, 8.0, 120.0
_TRIED_AGAIN = (408, 409, 429)


class Answer(NamedTuple):
    """What came back: status, headers and the body as it was."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_completion(self) -> bool:
        """Whether the server did what it was asked."""
        return 200 <= self.status < 300


class Unreachable(Exception):
    """No connection, or one that broke before the answer was whole."""


class Wire:
    """Requests to one endpoint, for one event loop. The connection is opened with the first."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Raises UserError when the endpoint's key is not set."""
        self._url, self._headers = _address(endpoint)
        # A proxy of the environment would carry loopback calls away.
        self._trust_env = not endpoint.is_loopback
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: bytes) -> Answer:
        """Send JSON. Raises Unreachable. A redirect is an answer like any other: it would carry dialogues elsewhere."""
        try:
            async with self._opened().post(self._url, data=body, allow_redirects=False) as response:
                return Answer(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable from error

    async def close(self) -> None:
        """Close the connections; may be called twice."""
        if self._session:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # how many at once is decided elsewhere
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                headers=self._headers,
                trust_env=self._trust_env,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def wait_s(answer: Answer | None, tries: int) -> float | None:
    """Seconds to wait before the next try, None when there is to be none; `answer` is None for a broken connection.

    The rules of openai 3.54: the server's word (x-should-retry) first, then timeouts, conflicts, 429 and 5xx;
    Retry-After up to two minutes, otherwise half a second doubled with each of the `tries` so far, up to 8 s, less a
    quarter at random.
    """
    asked = _asked_s(answer.headers) if answer else None
    if answer and (not _may_try_again(answer) or (asked is not None and asked > LONGEST_ASKED_S)):
        return None
    if asked is not None and asked > 0:
        return asked
    return float(min(FIRST_WAIT_S * 2.0 ** min(tries, 10), LONGEST_WAIT_S) * (1 - 0.25 * random.random()))


def _may_try_again(answer: Answer) -> bool:
    if (word := answer.headers.get("x-should-retry")) in ("true", "false"):
        return word == "true"
    return answer.status in _TRIED_AGAIN or answer.status >= 500


def _asked_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to be left alone, as a number or as a date."""
    for name, per_second in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            asked = float(headers.get(name, "")) / per_second
        except ValueError:
            continue
        return asked if math.isfinite(asked) else None
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    return email.utils.mktime_tz(date) - time.time() if date else None


def _address(endpoint: Endpoint) -> tuple[URL, dict[str, str]]:
    """Where a chat completion is asked for and with which headers, as the openai package has it.

    Not what it tells about this machine.
    """
    sdk = AsyncOpenAI(base_url=endpoint.base_url, api_key=endpoint.api_key())
    # The package takes these from the environment for whatever server it talks to.
    sdk.organization = sdk.project = None
    headers = {**sdk.auth_headers, **sdk.default_headers}
    told = {name: v for name, v in headers.items() if not isinstance(v, Omit) and not name.startswith("X-Stainless")}
    return URL(f"{sdk.base_url}chat/completions"), told
