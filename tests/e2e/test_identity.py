"""Signing in as people will: by a real provider process in a browser, and through a proxy that names them."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from db.demo import load_demo
from db.people import SYSTEM, add_person, change_person
from db.store import Store
from tests.e2e.browser import settled
from tests.e2e.conftest import REPOSITORY, Studio

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PROVIDER = """
import sys
from oidc_provider_mock import User, run_server_in_thread
known = (("ada", "Ada@Example.org", True), ("eve", "eve@elsewhere.org", True), ("mal", "ada@example.org", False))
people = [User(sub=name, claims={"email": email, "email_verified": is_so}) for name, email, is_so in known]
with run_server_in_thread(int(sys.argv[1]), user_claims=people):
    print("ready", flush=True)
    sys.stdin.read()
"""
SECRET = "this-is-the-clients-secret-of-the-test"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def provider() -> Iterator[str]:
    port = free_port()
    told = [sys.executable, "-W", "ignore", "-c", PROVIDER, str(port)]
    process = subprocess.Popen(told, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline().strip() == "ready"
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with closing(Store.open(tmp_path / "home")) as store:
        load_demo(store)
        add_person(store, SYSTEM, "ada", "Ada Example", ["admin"], "ada@example.org")
    return tmp_path / "home"


@contextmanager
def serving(home: Path, log: Path, settings: dict[str, str]) -> Iterator[Studio]:
    studio = Studio(home, log)
    settings = {name: value.format(url=studio.url) for name, value in settings.items()}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        studio.start()
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    try:
        yield studio
    finally:
        studio.end()


def by_provider(provider: str) -> dict[str, str]:
    return {
        "KARDIA_PUBLIC_URL": "{url}",
        "KARDIA_OIDC_METADATA_URL": f"{provider}/.well-known/openid-configuration",
        "KARDIA_OIDC_CLIENT_ID": "studio",
        "KARDIA_OIDC_CLIENT_SECRET": SECRET,
        "KARDIA_COOKIE_SECRET": "c" * 40,
    }


def sign_in(page: Page, url: str, who: str) -> None:
    page.goto(url)
    settled(page)
    page.locator(".st-key-oidc_sign_in button").click()
    page.locator("input[name=sub]").fill(who)
    page.get_by_role("button", name="Authorize", exact=True).click()
    page.wait_for_url(f"{url}/**")
    settled(page)


def test_a_provider_signs_people_in_and_only_invited_ones(
    browser: Browser, provider: str, home: Path, tmp_path: Path
) -> None:
    with serving(home, tmp_path / "studio.log", by_provider(provider)) as studio:
        # The mock's own style sheet lies elsewhere; nothing of the studio's does.
        page = browser.new_context().new_page()
        page.route("**/*", lambda route: route.continue_() if "127.0.0.1" in route.request.url else route.abort())
        sign_in(page, studio.url, "ada")
        expect(page.get_by_role("heading", name="Hello, Ada Example")).to_be_visible()
        page.reload()
        settled(page)
        expect(page.get_by_role("heading", name="Hello, Ada Example")).to_be_visible()

        stranger = browser.new_context().new_page()
        stranger.route("**/*", lambda r: r.continue_() if "127.0.0.1" in r.request.url else r.abort())
        sign_in(stranger, studio.url, "eve")
        expect(stranger.get_by_text("eve@elsewhere.org was not invited here")).to_be_visible()
        assert stranger.locator('[data-testid="stSidebarNav"]').count() == 0

        liar = browser.new_context().new_page()
        liar.route("**/*", lambda r: r.continue_() if "127.0.0.1" in r.request.url else r.abort())
        sign_in(liar, studio.url, "mal")
        expect(liar.get_by_text("no e-mail address that is verified")).to_be_visible()

        # Signed out everywhere: the browser that is still open is out at its next action, and a new sign-in is in.
        page.goto(f"{studio.url}/people")
        settled(page)
        time.sleep(1.1)  # a provider tells the time of a sign-in in whole seconds
        page.locator(".st-key-out_ada button").first.click()
        settled(page)
        expect(page.get_by_text("You were signed out here")).to_be_visible()
        page.reload()
        settled(page)
        expect(page.get_by_text("You were signed out here")).to_be_visible()
        page.locator(".st-key-oidc_sign_out button").click()
        page.wait_for_url(lambda address: address.startswith(provider))  # the provider's session is ended too
        time.sleep(1.1)
        sign_in(page, studio.url, "ada")
        expect(page.get_by_role("heading", name="Hello, Ada Example")).to_be_visible()
    assert SECRET not in (tmp_path / "studio.log").read_text()


def ask(url: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, headers=headers or {}), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def is_heard(url: str) -> bool:
    """Whether a web socket with that header of the proxy's is taken. Playwright keeps an event loop in this thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, spoken(url)).result()


async def spoken(url: str) -> bool:
    try:
        headers = {"X-Forwarded-Email": "ada@example.org", "X-Forwarded-For": "10.9.9.9", "Origin": url}
        where = url.replace("http", "ws") + "/_stcore/stream"
        async with connect(where, additional_headers=headers, subprotocols=["streamlit"]) as socket:  # type: ignore[list-item]
            await asyncio.wait_for(socket.send(b""), 5)
            return True
    except (InvalidStatus, ConnectionClosed):
        return False


def test_a_proxy_is_believed_from_its_own_address_alone(browser: Browser, home: Path, tmp_path: Path) -> None:
    by = {"KARDIA_PUBLIC_URL": "{url}", "KARDIA_PROXY_HEADER": "X-Forwarded-Email"}
    with serving(home, tmp_path / "yes.log", {**by, "KARDIA_PROXY_ADDRESSES": "127.0.0.1"}) as studio:
        page = browser.new_context(extra_http_headers={"X-Forwarded-Email": "ada@example.org"}).new_page()
        page.goto(studio.url)
        settled(page)
        expect(page.get_by_role("heading", name="Hello, Ada Example")).to_be_visible()
        assert page.locator(".st-key-sign_out").count() == 0
        nobody = browser.new_context().new_page()
        nobody.goto(studio.url)
        settled(nobody)
        expect(nobody.get_by_text("no e-mail address that is verified")).to_be_visible()
        assert is_heard(studio.url)
    other = Studio(home, tmp_path / "no.log")
    settings = {**by, "KARDIA_PUBLIC_URL": other.url, "KARDIA_PROXY_ADDRESSES": "10.9.9.9"}
    command = [sys.executable, "-m", "studio", "--home", str(home), "--port", str(other.port)]
    with other.log.open("ab") as log:
        other.process = subprocess.Popen(
            command, cwd=REPOSITORY, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **settings}
        )
    try:
        wait_for_port(other.port)
        # Not even by saying that one comes from the proxy.
        for path in ("/", "/healthz", "/_stcore/health", "/_stcore/host-config"):
            assert ask(other.url, path, {"X-Forwarded-For": "10.9.9.9"})[0] == 403
        assert not is_heard(other.url)
    finally:
        other.end()


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.3)
    pytest.fail("the studio did not listen")


def test_health_and_metrics_tell_counts_and_nobodys_name(provider: str, home: Path, tmp_path: Path) -> None:
    with serving(home, tmp_path / "studio.log", {}) as studio:
        assert json.loads(ask(studio.url, "/healthz")[1]) == {"status": "ok"}
        status, told = ask(studio.url, "/metrics")
        assert status == 200
        assert "kardia_dialogues 48" in told
        assert not any(word in told.lower() for word in ("ines", "ada", "demo-0", "example.org"))
    settings = {**by_provider(provider), "KARDIA_METRICS_TOKEN": "a-token-for-the-test"}
    with serving(home, tmp_path / "token.log", settings) as studio:
        for path in ("/metrics", "/_stcore/metrics"):
            assert ask(studio.url, path)[0] == 403
            assert ask(studio.url, path, {"Authorization": "Bearer wrong"})[0] == 403
            assert ask(studio.url, path, {"Authorization": "Bearer a-token-for-the-test"})[0] == 200


def test_beyond_this_machine_it_takes_a_sign_in(home: Path) -> None:
    command = [sys.executable, "-m", "studio", "--home", str(home), "--port", str(free_port()), "--address", "0.0.0.0"]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "serves this machine alone until sign-in is configured" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_somebody_made_inactive_is_out_and_is_told(browser: Browser, home: Path, tmp_path: Path) -> None:
    with closing(Store.open(home)) as store:
        change_person(store, SYSTEM, "ada", roles=["viewer"])
        change_person(store, SYSTEM, "ada", active=False)
    by = {
        "KARDIA_PUBLIC_URL": "{url}",
        "KARDIA_PROXY_HEADER": "X-Forwarded-Email",
        "KARDIA_PROXY_ADDRESSES": "127.0.0.1",
    }
    with serving(home, tmp_path / "studio.log", by) as studio:
        page = browser.new_context(extra_http_headers={"X-Forwarded-Email": "ada@example.org"}).new_page()
        page.goto(studio.url)
        settled(page)
        expect(page.get_by_text("Your account is no longer active here")).to_be_visible()
