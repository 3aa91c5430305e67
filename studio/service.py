"""What the server process owns for its whole life: the open store, and the thread that reads runs into it."""

import gc
import threading
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from db.care import mark_new
from db.demo import load_demo
from db.history import tell_where
from db.ingest import ingest
from db.keeping import Schedule, keep_up, schedule
from db.masking import masked_roles
from db.search_texts import prepare
from db.store import Store
from pipeline import faults
from rubrics.errors import UserError
from studio.identity import Identity
from studio.log import log

INGEST_EVERY_S = 1.0

IDENTITY = Identity()  # how people are known here; set by the server before its first page

_store: Store | None = None
_stop = threading.Event()
_ending = threading.Lock()  # the server's own end and the clock's (studio/ending.py) may come together
_reader: threading.Thread | None = None
_keeper: threading.Thread | None = None
BACKUP_LOOK_S = 600.0


def start(home: Path, demo: bool = False) -> Store:
    """Open the store of `home`, load demo content if asked, follow its runs. Raises UserError (StoreBusy)."""
    global _store, _reader, _keeper
    plan = schedule()
    masked_roles()  # a setting that makes no sense is said at the start
    tell_where(_page)
    _store = Store.open(home)
    if demo:
        load_demo(_store)
    keep_for_good()
    _stop.clear()
    _reader = threading.Thread(target=_follow_runs, args=(_store,), name="ingest", daemon=True)
    _reader.start()
    _keeper = threading.Thread(target=_keep_backups, args=(_store, plan), name="backups", daemon=True)
    _keeper.start()
    return _store


def keep_for_good() -> None:
    """What is here by now stays and is not looked at again: Streamlit collects garbage after every run of a page.

    With all that the pages import among it, that alone takes a tenth of a second, in which no other thread goes on.
    """
    gc.collect()
    gc.freeze()


def store() -> Store:
    """The open store. Raises UserError when the studio was not started by `python -m studio`."""
    if _store is None:
        raise UserError("The store is not open: start the studio with python -m studio (or make studio)")
    return _store


def home() -> Path:
    """The folder that holds the store, runs, models and endpoints.toml."""
    return store().home


def stop() -> None:
    """Let the reader end, then checkpoint and close the store."""
    global _store
    _stop.set()
    with _ending:
        if _reader:
            _reader.join(timeout=4)
        if _store:
            _store.close()
        _store = None


def _keep_backups(opened: Store, plan: Schedule) -> None:
    """A little after the start, then every ten minutes: is a backup due? A failed one is tried again then."""
    wait = 20.0
    while not _stop.wait(wait):
        wait = BACKUP_LOOK_S
        try:
            if made := keep_up(opened, plan):
                log("backup", file=made.name, bytes=made.stat().st_size)
        except UserError as error:
            log("backup_failed", why=str(error))
        except Exception as error:
            log("backup_failed", why=faults.without_text(error))


def _page() -> str:
    """The page on which something is done, for the history; the studio itself where no page is open."""
    address = st.context.url if get_script_run_ctx(suppress_warning=True) else None
    return f"page: {urlsplit(address).path.strip('/') or 'home'}" if address else "studio"


def _follow_runs(opened: Store) -> None:
    while not _stop.wait(INGEST_EVERY_S):
        try:
            ingest(opened)
            # Here, so that no page has to wait for it after a large import.
            prepare(opened)
            mark_new(opened)
        except Exception as error:  # the reader must outlive one bad run directory; the next round tries again
            log("reading_runs_failed", why=faults.without_text(error))
