"""Ratings and figures for the page, computed once for what stands: small studios at once, large ones on demand."""

import streamlit as st

from db import agreement, agreement_figures, campaigns
from db.agreement import FlagTable
from db.agreement_figures import FlagFigures, GoldFigures, ScoreFigures
from rubrics.reliability import Ratings
from studio import service, session
from studio.widgets.agreement.choice import Choice

_HELD = "agreement_as_of"
# Above this many ratings a code takes seconds, and figures stay as they are until somebody asks for new ones.
_LARGE = 400_000


def as_of() -> int:
    """The number of the newest mark that the figures on this page know of."""
    return int(st.session_state.get(_HELD) or agreement.newest_mark(service.store()))


def held_line(choice: Choice) -> None:
    """On a large store: how many marks came since, and the way to new figures."""
    newest = agreement.newest_mark(service.store())
    if not choice.is_flags or _size(flag_table(choice)) < _LARGE:
        st.session_state.pop(_HELD, None)
        return
    held = st.session_state.setdefault(_HELD, newest)
    if newest > held:
        with st.container(horizontal=True, vertical_alignment="center"):
            since = "mark was made" if newest - held == 1 else "marks were made"
            st.caption(f"{newest - held:,} {since} since these figures were worked out.", width="content")
            st.button("Work them out anew", key="agreement_anew", type="tertiary", on_click=_anew)


def flag_table(choice: Choice) -> FlagTable:
    """Who finished and flagged what."""
    return _flag_table(choice.rubric_id, choice.versions, choice.people, as_of(), str(service.home()))


def flag_figures(choice: Choice, code: str) -> FlagFigures:
    """The figures of one code."""
    of = (choice.rubric_id, choice.versions, choice.people)
    return _flag_figures(*of, code, choice.level, as_of(), str(service.home()))


def score_figures(choice: Choice, criterion_id: str) -> ScoreFigures:
    """The figures of one criterion's scores."""
    return _score_figures(choice.rubric_id, choice.versions, choice.people, criterion_id, as_of(), str(service.home()))


def gold_figures(choice: Choice, code: str, people: tuple[str, ...] | None = None) -> GoldFigures:
    """People (of the choice, or these) against gold, without dialogues whose gold an open campaign hides from whoever
    looks.
    """
    of = (choice.rubric_id, choice.versions, code, people or choice.people)
    hidden = tuple(sorted(campaigns.gold_hidden_ids(service.store(), session.here().person_id)))
    return _gold_figures(*of, hidden, as_of(), str(service.home()))


def ratings_of(choice: Choice, code: str, judges: bool) -> Ratings:
    """Turns × raters of one code or criterion; with `judges` machines among them, named as such."""
    if not choice.is_flags:
        return agreement.score_ratings(service.store(), choice.rubric_id, choice.versions, code, choice.people, judges)
    table = flag_table(choice)
    if judges and code != agreement.ANY:
        return agreement.people_and_judges(service.store(), table, choice.rubric_id, choice.versions, code)
    return table.ratings(code, choice.level)


def _size(table: FlagTable) -> int:
    return int(table.n_turns.sum()) * len(table.raters)


def _anew() -> None:
    st.session_state.pop(_HELD, None)


@st.cache_resource(max_entries=4, show_spinner="Reading what people marked…")
def _flag_table(
    rubric_id: str, versions: tuple[int, ...], people: tuple[str, ...] | None, mark: int, home: str
) -> FlagTable:
    return agreement.flag_table(service.store(), rubric_id, versions, people)


@st.cache_data(max_entries=200, show_spinner="Working out how far people agree…")
def _flag_figures(
    rubric_id: str,
    versions: tuple[int, ...],
    people: tuple[str, ...] | None,
    code: str,
    level: agreement.Level,
    mark: int,
    home: str,
) -> FlagFigures:
    return agreement_figures.flag_figures(_flag_table(rubric_id, versions, people, mark, home), code, level)


@st.cache_data(max_entries=100, show_spinner="Working out how far people agree…")
def _score_figures(
    rubric_id: str, versions: tuple[int, ...], people: tuple[str, ...] | None, code: str, mark: int, home: str
) -> ScoreFigures:
    return agreement_figures.score_figures(agreement.score_ratings(service.store(), rubric_id, versions, code, people))


@st.cache_data(max_entries=200, show_spinner="Comparing with gold…")
def _gold_figures(
    rubric_id: str,
    versions: tuple[int, ...],
    code: str,
    people: tuple[str, ...] | None,
    hidden: tuple[str, ...],
    mark: int,
    home: str,
) -> GoldFigures:
    table = _flag_table(rubric_id, versions, people, mark, home)
    return agreement_figures.gold_figures(service.store(), table, rubric_id, code, without=hidden)
