"""Making a campaign: what is read, by which rubric, by whom and how often, until when, with how much calibration."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal
from uuid import uuid4

import streamlit as st

from db import campaigns, dialogues, finding, finding_saved, rubric_versions
from db.campaign_choice import calibration, doubtful, sample
from db.dialogues import Filter
from db.rubric_versions import Version
from pipeline.emotions import EMOTIONS
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.audit.flag_names import USUAL
from studio.widgets.campaign.words import end_of
from studio.widgets.data.found import left_out
from studio.widgets.names import escaped, name_of
from studio.widgets.run.words import amount

How = Literal["all", "sample", "doubtful"]

_ID = "new_campaign_id"
_MADE = "new_campaign_made"
_FOUND = "new_campaign_found"
_HOW: dict[How, str] = {"all": "All that match", "sample": "A random sample", "doubtful": "The most doubtful first"}
_SHARES = {0.0: "None", 0.05: "1 in 20", 0.1: "1 in 10", 0.2: "1 in 5"}


@dataclass(frozen=True)
class _Picked:
    """The dialogues, in order where they are `ranked`, and how they were picked."""

    ids: list[str]
    how: dict[str, object]
    ranked: bool


@dataclass(frozen=True)
class _Plan:
    """What the form says."""

    title: str
    version: Version
    picked: _Picked
    people: list[str]
    overlap: int
    deadline: datetime | None
    share: float
    gold: list[str]


def new_campaign() -> None:
    """The fold-out with the form; tells what would come of it before it is started."""
    if made := st.session_state.pop(_MADE, None):
        st.session_state["new_campaign"] = False
        st.success(f"Started {escaped(made)}. Those who read in it find it on Home.", icon=":material/check_circle:")
    panel = st.expander("New campaign", key="new_campaign", icon=":material/add:", on_change="rerun")
    if not panel.open:
        return
    with panel:
        store = service.store()
        versions = [*rubric_versions.approved(store, "flags"), *rubric_versions.approved(store, "score")]
        if not versions:
            st.info("No rubric of flags or scores is approved yet, and a campaign needs one.")
            return
        plan = _form(versions)
        _foresee(plan)
        missing = _missing(plan)
        if st.button("Start the campaign", key="nc_start", type="primary", disabled=bool(missing)):
            _start(plan)
        if missing:
            st.caption(f"Still missing: {', '.join(missing)}.")


def _missing(plan: _Plan) -> list[str]:
    there = {
        "a name": plan.title.strip(),
        "who reads": plan.people,
        "dialogues that match": plan.picked.ids,
    }
    return [what for what, given in there.items() if not given]


def _form(versions: list[Version]) -> _Plan:
    what, who = st.columns(2, gap="large")
    with what:
        title = st.text_input("Name", key="nc_title", max_chars=80, placeholder="Such as: crisis cues in spring")
        known = {(one.rubric_id, one.version): one for one in sorted(versions, key=_usual_first)}
        chosen = st.selectbox("By which rubric", list(known), format_func=_words_of(known), key="nc_rubric")
        version = known[chosen]
        picked = _dialogues(version)
    with who:
        people, overlap = _people()
        day = st.date_input("Until when", None, key="nc_deadline", help="Told to everybody; nothing stops at that day.")
        share = st.selectbox(
            "Calibration dialogues, mixed in unseen",
            list(_SHARES),
            format_func=_SHARES.__getitem__,
            index=2,
            key="nc_share",
            help="Dialogues with gold. Everybody reads them, and nothing tells them from the others.",
        )
    asked = (version.rubric_id, version.version, picked.ids, len(people), overlap, share, _seed())
    gold = calibration(service.store(), *asked)
    return _Plan(title, version, picked, people, overlap, end_of(day) if day else None, share, gold)


def _matching() -> tuple[list[str], dict[str, object]]:
    """The dialogues that were found on Data, or a saved filter finds, or else the conditions here; with the record."""
    store, here = service.store(), session.here()
    if found := st.session_state.get(_FOUND):
        return _found(found)
    saved = {one.filter_id: one for one in finding_saved.filters(store, here) if one.total is not None}
    names = {one.filter_id: f"{one.name} ({one.total:,})" for one in saved.values()}
    chosen = None
    if saved:
        chosen = st.selectbox(
            "A saved filter",
            list(names),
            index=None,
            format_func=names.__getitem__,
            placeholder="None: choose here",
            key="nc_saved",
            help="Filters are saved on the Data page.",
        )
    if chosen:
        ids = finding.matching_ids(store, here, saved[chosen].filter)
        left_out(saved[chosen].filter)
        return ids, {"filter_id": chosen, "filter": saved[chosen].name, "matching": len(ids)}
    with st.container(horizontal=True):
        emotion = st.selectbox("Emotion", list(EMOTIONS), index=None, placeholder="Any", key="nc_emotion")
        sources = dialogues.sources(store)["source"].tolist()
        source = st.selectbox("Source", sources, index=None, placeholder="Any", key="nc_source")
    text = st.text_input("Words in the dialogue", key="nc_text")
    ids = finding.matching_ids(store, here, Filter(text=text, emotion=emotion, source=source))
    return ids, {"text": text, "emotion": emotion, "source": source, "matching": len(ids)}


def take_found(filter: Filter) -> None:
    """Open the form with what this filter finds."""
    st.session_state[_FOUND] = filter
    st.session_state["new_campaign"] = True


def _found(filter: Filter) -> tuple[list[str], dict[str, object]]:
    ids = finding.matching_ids(service.store(), session.here(), filter)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{amount(len(ids), 'dialogue')}** found on Data", width="content")
        st.button("Choose others", key="nc_others", type="tertiary", on_click=st.session_state.pop, args=[_FOUND])
    left_out(filter)
    asked = {name: value for name, value in asdict(filter).items() if value != getattr(Filter(), name)}
    return ids, {"filter": "found on Data", "conditions": asked, "matching": len(ids)}


def _dialogues(version: Version) -> _Picked:
    matching, told = _matching()
    how: How = st.selectbox("Which of them", list(_HOW), format_func=_HOW.__getitem__, key="nc_how")
    told |= {"by": how}
    if how == "all":
        return _Picked(matching, told, ranked=False)
    most = max(len(matching), 1)
    n = st.number_input("How many", 1, most, min(most, 50), key="nc_n")
    if how == "sample":
        return _Picked(sample(matching, n, _seed()), told | {"n": n, "seed": _seed()}, ranked=False)
    found = doubtful(service.store(), version.rubric_id, version.version, matching, n)
    st.caption(
        "Doubtful is where judges differ, a score is near the pass mark, or people disagree. "
        f"That is known of {amount(len(found), 'dialogue')} here."
    )
    return _Picked([one.dialogue_id for one in found], told | {"n": n}, ranked=True)


def _people() -> tuple[list[str], int]:
    auditors = [one.person_id for one in campaigns.who_can_join(service.store())]
    people = st.multiselect("Who reads", auditors, format_func=name_of, key="nc_people", placeholder="Choose people")
    overlap = st.number_input(
        "Readers for each dialogue",
        1,
        max(len(auditors), 1),
        1,
        key="nc_overlap",
        help="How many people read the same dialogue. Agreement can be told from two on.",
    )
    return people, overlap


def _foresee(plan: _Plan) -> None:
    """What would come of it, in numbers."""
    ordinary = len(set(plan.picked.ids) - set(plan.gold))
    if not ordinary:
        st.warning("No dialogue matches. Take a filter away, or pick them another way.", icon=":material/warning:")
        return
    readings = ordinary * plan.overlap
    words = [f"{amount(ordinary, 'dialogue')}, {amount(readings, 'reading')}"]
    if plan.people:
        words += [f"about {-(-readings // len(plan.people)) + len(plan.gold)} for each person"]
    if plan.share and plan.people:
        words += [f"{amount(len(plan.gold), 'calibration dialogue')} among them" if plan.gold else _NO_GOLD]
    st.markdown(escaped(", ".join(words) + "."))
    if plan.people and plan.overlap > len(plan.people):
        st.warning(
            f"{plan.overlap} readers for each dialogue need as many people. Add some, or ask for fewer readers.",
            icon=":material/warning:",
        )


def _start(plan: _Plan) -> None:
    try:
        campaigns.create(
            service.store(),
            session.here(),
            plan.title,
            plan.version.rubric_id,
            plan.version.version,
            plan.picked.ids,
            plan.people,
            plan.overlap,
            plan.deadline,
            plan.gold,
            gold_share=plan.share,
            ranked=plan.picked.ranked,
            chosen=plan.picked.how,
            campaign_id=_seed(),
        )
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    # Another campaign gets another number and an empty form.
    for key in [_ID, *(str(one) for one in st.session_state if str(one).startswith("nc_"))]:
        del st.session_state[key]
    st.session_state.pop(_FOUND, None)
    st.session_state[_MADE] = plan.title.strip()
    st.rerun()


def _seed() -> str:
    """The number of the campaign to be: samples stay the same while one fills in the form."""
    return str(st.session_state.setdefault(_ID, uuid4().hex))


def _words_of(known: dict[tuple[str, int], Version]) -> Callable[[tuple[str, int]], str]:
    return lambda one: f"{known[one].rubric.title}, version {known[one].version}"


def _usual_first(version: Version) -> tuple[int, str]:
    return USUAL.index(version.rubric_id) if version.rubric_id in USUAL else len(USUAL), version.rubric.title


_NO_GOLD = "no calibration dialogue: in none is gold complete by this version (Agreement, Settle disagreements)"
