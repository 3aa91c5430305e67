"""The server: opens the store before the first page, closes it after the last."""

import os
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route
from streamlit.runtime.app_session import AppSession

from studio import identity, service, widgets
from studio.door import Door, health, metrics
from studio.ending import end_in_time
from studio.log import keep_texts_out

HOME = Path(os.environ.get("KARDIA_HOME", ".kardia"))
IDENTITY = service.IDENTITY = identity.configured(HOME, os.environ)


def watch_no_files() -> None:
    """Keep Streamlit from watching source files, as `server.fileWatcherType` says.

    Streamlit 1.67 forgets that setting for a session whose connection was lost and came back, and then looks through
    every module after each of its runs: with 20 people a third of all processor time.
    """
    AppSession.register_file_watchers = lambda _: None  # type: ignore[assignment, method-assign]


def import_pages() -> None:
    """Import what the pages are made of before the first of them is asked for: together they take over a second."""
    for module in pkgutil.walk_packages(widgets.__path__, f"{widgets.__name__}."):
        import_module(module.name)
    service.keep_for_good()


@asynccontextmanager
async def _life(_: st.App) -> AsyncIterator[dict[str, Any]]:
    IDENTITY.check_address(str(st.get_option("server.address") or "0.0.0.0"))
    service.start(HOME, demo=os.environ.get("KARDIA_DEMO") == "1")
    end_in_time()
    Thread(target=import_pages, name="import pages", daemon=True).start()
    keep_texts_out()
    try:
        yield {}
    finally:
        service.stop()


watch_no_files()
app = st.App(
    Path(__file__).with_name("streamlit_app.py"),
    lifespan=_life,
    routes=[Route("/healthz", health), Route("/metrics", metrics)],
    middleware=[Middleware(Door, identity=IDENTITY)],
    secrets={"auth": dict[str, Any](IDENTITY.auth)} if IDENTITY.auth else None,
)
