"""What the server lets in before any page: who may speak at all, and which addresses answer beside the pages."""

import asyncio
import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from db.people import SYSTEM, change_person
from rubrics.errors import UserError
from studio import passes, service
from studio.door import Door, health, metrics
from studio.identity import Identity, configured
from tests.studio.opening import SignIn

SESSION = "test session id"  # of every AppTest

PROXY = {
    "KARDIA_PUBLIC_URL": "https://studio.example.org",
    "KARDIA_PROXY_HEADER": "X-Forwarded-Email",
    "KARDIA_PROXY_ADDRESSES": "10.0.0.5",
}


def answer(
    identity: Identity,
    path: str,
    peer: str,
    headers: dict[str, str] | None = None,
    kind: str = "http",
    method: str = "GET",
) -> str:
    """What the door does with one request: "in", or how it is refused."""
    sent: list[Any] = []

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        sent.append("in")

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.connect" if kind == "websocket" else "http.request"}

    async def send(message: Any) -> None:
        sent.append(message.get("status") or message.get("code") or message["type"])

    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": kind, "path": path, "client": (peer, 5), "headers": raw, "method": method}
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


def test_a_file_is_taken_only_in_a_session_in_which_somebody_is_let_in(
    app: AppTest, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Identity("provider")
    where = f"/_stcore/upload_file/{SESSION}/a-file"
    app.run()
    assert answer(found, where, "10.0.0.5", method="PUT") == "403", "nobody has signed in yet"
    at = sign_in(app, "ravi")
    assert answer(found, where, "10.0.0.5", method="PUT") == "in"
    for other in ("another", "", f"another/../{SESSION}"):
        assert answer(found, f"/_stcore/upload_file/{other}/a-file", "10.0.0.5", method="PUT") == "403"
    change_person(service.store(), SYSTEM, "ravi", active=False)
    at.run()
    assert answer(found, where, "10.0.0.5", method="PUT") == "403", "somebody made inactive is out"


def test_who_signs_out_uploads_no_more(app: AppTest, sign_in: SignIn) -> None:
    at = sign_in(app, "ravi")
    assert passes.has(SESSION)
    at.button(key="sign_out").click().run()
    assert not passes.has(SESSION)


@pytest.mark.parametrize("route", [health, metrics])
@pytest.mark.parametrize(
    ("fault", "told"), [(UserError("the disk is full; make room"), "make room"), (ValueError("what she said"), "log")]
)
def test_a_store_that_fails_is_503_with_one_line_and_no_text(
    route: Any, fault: Exception, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise fault

    monkeypatch.setattr(service, "store", fail)
    answered = asyncio.run(route(None))
    assert answered.status_code == 503
    said = json.loads(answered.body)
    assert (said["status"], "\n" in said["why"]) == ("failing", False)
    assert told in said["why"]
    assert "what she said" not in answered.body.decode() + capsys.readouterr().err


@pytest.mark.usefixtures("studio_home")
@pytest.mark.parametrize("route", [health, metrics])
def test_a_store_that_is_closed_is_503(route: Any) -> None:
    assert asyncio.run(route(None)).status_code == 200
    service.store().close()
    assert asyncio.run(route(None)).status_code == 503
