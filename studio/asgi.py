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

from studio import identity, service, widgets
from studio.door import Door, health, metrics
from studio.ending import end_in_time
from studio.log import keep_texts_out

HOME = Path(os.environ.get("KARDIA_HOME", ".kardia"))
IDENTITY = service.IDENTITY = identity.configured(HOME, os.environ)


def import_pages() -> None:
    """Import what the pages are made of before the first of them is asked for: together they take over a second."""
    for module in pkgutil.walk_packages(widgets.__path__, f"{widgets.__name__}."):
        import_module(module.name)


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


app = st.App(
    Path(__file__).with_name("streamlit_app.py"),
    lifespan=_life,
    routes=[Route("/healthz", health), Route("/metrics", metrics)],
    middleware=[Middleware(Door, identity=IDENTITY)],
    secrets={"auth": dict[str, Any](IDENTITY.auth)} if IDENTITY.auth else None,
)
