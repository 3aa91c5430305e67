"""The server: opens the store before the first page, closes it after the last. Served on loopback alone."""

import ipaddress
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st

from rubrics.errors import UserError
from studio import service


def check_loopback(address: str) -> str:
    """The address, if only this machine can reach it; else UserError: choosing a name is no sign-in."""
    try:
        if address == "localhost" or ipaddress.ip_address(address).is_loopback:
            return address
    except ValueError:
        pass
    raise UserError(
        f'address "{address}": the studio serves this machine alone until sign-in is configured; use 127.0.0.1'
    )


@asynccontextmanager
async def _life(_: st.App) -> AsyncIterator[dict[str, Any]]:
    check_loopback(str(st.get_option("server.address") or "0.0.0.0"))
    service.start(Path(os.environ.get("KARDIA_HOME", ".kardia")), demo=os.environ.get("KARDIA_DEMO") == "1")
    try:
        yield {}
    finally:
        service.stop()


app = st.App(Path(__file__).with_name("streamlit_app.py"), lifespan=_life)
