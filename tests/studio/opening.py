"""Opening a page as somebody, with what its address says."""

import json
from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest

from db.ingest import ingest
from db.store import Store
from pipeline.rundir import RunDir

SignIn = Callable[[AppTest, str], AppTest]
Open = Callable[..., AppTest]


def opened(app: AppTest, sign_in: SignIn, page: str, who: str, **query: str) -> AppTest:
    """The page as this person sees it; nothing may have gone wrong on it."""
    sign_in(app, who)
    for name, value in query.items():
        app.query_params[name] = value
    at = app.switch_page(page).run()
    assert not at.exception
    return at


def opening_once_read(app: AppTest, sign_in: SignIn, store: Store, page: str) -> Open:
    """A function: the page as that person finds it, once the store has read every run."""

    def as_person(person_id: str = "ravi", **asked: str) -> AppTest:
        while ingest(store) or ingest(store):  # the studio's own reader may have been half-way through a run
            pass
        at = sign_in(app, person_id).switch_page(page)
        at.query_params.clear()
        for name, value in asked.items():
            at.query_params[name] = value
        at.run()
        assert not at.exception, at.exception
        return at

    return as_person


def texts(at: AppTest) -> str:
    """What a page of runs says outside its widgets."""
    every = [*at.markdown, *at.caption, *at.html, *at.info, *at.warning, *at.error]
    return "\n".join(str(element.value) for element in every)


def runs_of(store: Store) -> list[RunDir]:
    """The home's runs by their ids."""
    return [RunDir(path) for path in sorted((store.home / "runs").glob("[!.]*"))]


def pane(at: AppTest) -> Any:
    """What the dialogue pane of the Audit page was given to draw."""
    drawn = [element.proto for element in at.get("bidi_component")]
    return json.loads(next(one.json for one in drawn if one.component_name == "kardia_dialogue_pane"))
