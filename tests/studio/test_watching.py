"""The server goes through no source files while people work."""

import pytest
from streamlit.runtime.app_session import AppSession

from studio.asgi import watch_no_files


def test_a_session_that_comes_back_watches_no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AppSession, "register_file_watchers", AppSession.register_file_watchers)  # put back afterwards
    watch_no_files()
    session = AppSession.__new__(AppSession)
    session._local_sources_watcher = None
    session.register_file_watchers()  # as websocket_session_manager does for a connection that was lost
    assert session._local_sources_watcher is None
