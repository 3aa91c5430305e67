"""What every request passes first, web sockets too: whether its sender may speak at all, and two plain routes."""

import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from pipeline import faults
from rubrics.errors import UserError
from studio import passes, service
from studio.identity import Identity, is_loopback
from studio.log import log

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_METRICS = ("/metrics", "/_stcore/metrics")
_UPLOAD = "/_stcore/upload_file/"  # then the session's id
_STARTED = time.time()


class Door:
    """ASGI middleware. Behind a proxy, whoever is not the proxy is refused: it could name any person it likes."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], identity: Identity) -> None:
        self._app, self._identity = app, identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with 403, or let it through."""
        if scope["type"] in ("http", "websocket") and (why := self._refusal(scope)):
            await _refuse(scope, receive, send, why)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str:
        peer = str((scope.get("client") or ("", 0))[0])
        if self._identity.way == "proxy" and not self._identity.believes(peer):
            return "This studio is reached through its proxy only."
        if scope["path"].rstrip("/") in _METRICS and not self._may_measure(scope, peer):
            return "Metrics take the token that the studio was started with."
        if scope.get("method") == "PUT" and not _may_upload(scope["path"]):
            return "Files are taken from people who are signed in."
        return ""

    def _may_measure(self, scope: Scope, peer: str) -> bool:
        """Behind a proxy of the same machine everybody comes from loopback, so that counts only without sign-in."""
        if self._identity.way == "names" and is_loopback(peer):
            return True
        given = dict(scope["headers"]).get(b"authorization", b"")
        token = self._identity.metrics_token
        return bool(token) and hmac.compare_digest(given, f"Bearer {token}".encode())


async def health(_: Request) -> Response:
    """Whether the store answers: 200 {"status": "ok"}, else 503 with one line."""

    def asked() -> Response:
        service.store().rows("SELECT 1")
        return JSONResponse({"status": "ok"})

    return _answer(asked)


async def metrics(_: Request) -> Response:
    """Counts for Prometheus; no name, id or text of anybody. 503 with one line while the store does not answer."""
    return _answer(lambda: PlainTextResponse(_prometheus(), media_type="text/plain; version=0.0.4"))


def _answer(make: Callable[[], Response]) -> Response:
    try:
        return make()
    except UserError as error:
        why = str(error)
    except Exception as error:  # whatever the store fails with, who watches it must be told so
        log("store_failing", why=faults.without_text(error))
        why = "the store does not answer; the studio's log says why"
    return JSONResponse({"status": "failing", "why": why}, status_code=503)


def _prometheus() -> str:
    store = service.store()
    row = store.rows("""
        SELECT (SELECT count(*) FROM dialogues) AS dialogues, (SELECT count(*) FROM audit_events) AS marks,
            (SELECT count(*) FROM history) AS history_entries, (SELECT count(*) FROM people WHERE active) AS people,
            (SELECT count(*) FROM runs WHERE state = 'running') AS runs_running,
            (SELECT count(*) FROM runs WHERE state = 'queued') AS runs_queued,
            (SELECT count(*) FROM runs WHERE state = 'failed') AS runs_failed
    """)[0]
    figures = {**row, "uptime_seconds": round(time.time() - _STARTED), "store_bytes": store.path.stat().st_size}
    lines = [f"# TYPE kardia_{name} gauge\nkardia_{name} {value}" for name, value in figures.items()]
    return "\n".join(lines) + "\n"


def _may_upload(path: str) -> bool:
    """Whether nothing is uploaded there, or in a session in which somebody is let in: each file lies in memory."""
    _, _, rest = path.partition(_UPLOAD)
    return not rest or passes.has(rest.partition("/")[0])


async def _refuse(scope: Scope, receive: Receive, send: Send, why: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": why})
        return
    await PlainTextResponse(why + "\n", status_code=403)(scope, receive, send)
