"""Flags on the turn in focus: setting one, taking it off, its severity and its note. Every act is saved at once."""

from html import escape
from zlib import crc32

import streamlit as st

from db import audits
from db.audits import Flag
from db.rubric_versions import Version
from rubrics.schema import Criterion, Severity
from studio import service, session
from studio.widgets.audit.dialogue_open import Open, show_turn
from studio.widgets.audit.dialogue_receipt import new_id, save
from studio.widgets.audit.flag_chip import COLOURED, WORDS
from studio.widgets.audit.flag_names import families, help_of, name_of_code
from studio.widgets.audit.keys import code_keys, my_keys
from studio.widgets.names import escaped

_SEVERITIES: tuple[Severity, ...] = ("yellow", "red")


def flag_panel(audit: Open, turn: int, version: Version) -> None:
    """What is flagged on the turn, then every code of the rubric by family."""
    for flag in audit.flags_on(turn):
        _standing(audit, flag)
    flagged = {flag.code for flag in audit.flags_on(turn)}
    keys = code_keys(version, my_keys())  # shown here; pressed, they are taken by the dialogue pane
    with st.container(key="flag_codes", gap="xxsmall"):
        for family, criteria in families(version.rubric.criteria).items():
            if family:
                st.caption(escaped(family))
            for criterion in criteria:
                _code(audit, turn, version, criterion, criterion.id in flagged, keys.get(criterion.id))
    st.page_link(
        "app_pages/rubrics.py",
        label=f"All codes with examples: {escaped(version.rubric.title)}, version {version.version}",
        icon=":material/menu_book:",
        query_params={"rubric": version.rubric_id, "version": str(version.version)},
    )


def _code(
    audit: Open, turn: int, version: Version, criterion: Criterion, is_flagged: bool, shortcut: str | None
) -> None:
    """One code. A press sets the flag; where it stands already there is nothing to press, so none takes it off."""
    mark = ":material/check:" if is_flagged else COLOURED[criterion.severity]
    st.button(
        f"{mark} **{escaped(criterion.id)}** {escaped(criterion.name)}",
        key=f"flag_{criterion.id}",
        help=help_of(criterion),
        disabled=is_flagged or bool(audit.refusal),
        shortcut=shortcut,
        width="stretch",
        type="tertiary",
        on_click=_set,
        args=[audit.dialogue.dialogue_id, turn, criterion, version, new_id()],
    )


def _standing(audit: Open, flag: Flag) -> None:
    """One flag that stands, with what can be changed of it."""
    # What stands is part of the keys: the dialogue pane may break a run off, and a field that is given another value
    # from here would then call back as if somebody had changed it.
    where = "_".join([flag.code, flag.dialogue_id, str(flag.turn_index)])
    severity_key = f"severity_{where}_{flag.severity}"
    note_key = f"note_{where}_{crc32(flag.note.encode())}"
    with st.container(key=f"flagged_{flag.code}", border=True, gap="xsmall"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
            st.html(f"<div><b>{escape(flag.code)}</b> {escape(name_of_code(flag))}</div>")
            st.button(
                "Take off",
                key=f"unflag_{flag.code}",
                icon=":material/close:",
                type="tertiary",
                disabled=bool(audit.refusal),
                on_click=_take_off,
                args=[flag, new_id()],
            )
        st.segmented_control(
            "Severity",
            _SEVERITIES if flag.severity in _SEVERITIES else (flag.severity, *_SEVERITIES),
            default=flag.severity,
            key=severity_key,
            format_func=lambda severity: f"{COLOURED[severity]} {WORDS[severity]}",
            required=True,
            label_visibility="collapsed",
            disabled=bool(audit.refusal),
            on_change=_change_severity,
            args=[flag, severity_key],
        )
        st.text_area(
            "Note",
            flag.note,
            key=note_key,
            height=68,
            placeholder="Why? Which words? Saved when you leave this box.",
            label_visibility="collapsed",
            disabled=bool(audit.refusal),
            on_change=_change_note,
            args=[flag, note_key],
        )


def _set(dialogue_id: str, turn: int, criterion: Criterion, version: Version, client_id: str) -> None:
    saved = save(
        f"{criterion.id} on turn {turn + 1}",
        lambda: audits.flag(
            service.store(),
            session.here(),
            dialogue_id,
            turn,
            criterion.id,
            criterion.severity,
            rubric_id=version.rubric_id,
            rubric_version=version.version,
            client_id=client_id,
        ),
    )
    if saved:  # whoever flags a turn red is reading it: it must not be covered under their hands
        show_turn(dialogue_id, turn)


def _change_severity(flag: Flag, key: str) -> None:
    severity: Severity = st.session_state[key]
    if severity == flag.severity:
        return
    what = f"{flag.code} on turn {flag.turn_index + 1} is {WORDS[severity]}"
    if _again(flag, severity, flag.note, what):
        show_turn(flag.dialogue_id, flag.turn_index)


def _change_note(flag: Flag, key: str) -> None:
    note = st.session_state[key].strip()
    if note != flag.note:
        _again(flag, flag.severity, note, f"note on {flag.code}, turn {flag.turn_index + 1}")


def _again(flag: Flag, severity: Severity, note: str, what: str) -> bool:
    """The same flag with another severity or note; by the version it was set with, whose words it goes by."""
    return save(
        what,
        lambda: audits.flag(
            service.store(),
            session.here(),
            flag.dialogue_id,
            flag.turn_index,
            flag.code,
            severity,
            note,
            rubric_id=flag.rubric_id,
            rubric_version=flag.rubric_version,
            # A value that changes calls back once, and two changes are two acts.
            client_id=new_id(),
        ),
    )


def _take_off(flag: Flag, client_id: str) -> None:
    save(
        f"{flag.code} taken off turn {flag.turn_index + 1}",
        lambda: audits.unflag(service.store(), session.here(), flag.dialogue_id, flag.turn_index, flag.code, client_id),
    )
