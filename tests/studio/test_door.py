"""What the server lets in before any page: who may speak at all, and which addresses answer beside the pages."""

import asyncio
from typing import Any

import pytest

from studio.door import Door
from studio.identity import Identity, configured

PROXY = {
    "KARDIA_PUBLIC_URL": "https://studio.example.org",
    "KARDIA_PROXY_HEADER": "X-Forwarded-Email",
    "KARDIA_PROXY_ADDRESSES": "10.0.0.5",
}


def answer(identity: Identity, path: str, peer: str, headers: dict[str, str] | None = None, kind: str = "http") -> str:
    """What the door does with one request: "in", or how it is refused."""
    sent: list[Any] = []

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        sent.append("in")

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.connect" if kind == "websocket" else "http.request"}

    async def send(message: Any) -> None:
        sent.append(message.get("status") or message.get("code") or message["type"])

    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": kind, "path": path, "client": (peer, 5), "headers": raw, "method": "GET"}
    asyncio.run(Door(inside, identity)(scope, receive, send))
    return str(sent[0])


def test_behind_a_proxy_nobody_else_is_heard(tmp_path: Any) -> None:
    found = configured(tmp_path, dict(PROXY))
    claims = {"X-Forwarded-Email": "hanna@example.org", "X-Forwarded-For": "10.0.0.5", "X-Real-IP": "10.0.0.5"}
    for path in ("/", "/audit", "/_stcore/stream", "/healthz", "/media/x", "/oauth2callback"):
        assert answer(found, path, "10.0.0.5", claims) == "in"
        for peer in ("10.0.0.6", "127.0.0.1", "::1"):
            assert answer(found, path, peer, claims) == "403"
            assert answer(found, path, peer, claims, "websocket") == "1008"


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/_stcore/metrics"])
def test_metrics_take_the_token_wherever_people_sign_in(path: str) -> None:
    open_here = Identity()
    assert answer(open_here, path, "127.0.0.1") == "in"
    assert answer(open_here, path, "10.0.0.5") == "403"
    with_token = Identity("provider", metrics_token="t0ken")
    assert answer(with_token, path, "127.0.0.1") == "403"
    assert answer(with_token, path, "127.0.0.1", {"Authorization": "Bearer wrong"}) == "403"
    assert answer(with_token, path, "127.0.0.1", {"Authorization": "Bearer t0ken"}) == "in"
    without = Identity("provider")
    assert answer(without, path, "127.0.0.1", {"Authorization": "Bearer "}) == "403"


def test_two_addresses_answer_beside_the_pages_and_neither_changes_anything() -> None:
    from studio.asgi import app

    assert {(route.path, frozenset(route.methods or ())) for route in app._user_routes} == {  # type: ignore[attr-defined]
        ("/healthz", frozenset({"GET", "HEAD"})),
        ("/metrics", frozenset({"GET", "HEAD"})),
    }
