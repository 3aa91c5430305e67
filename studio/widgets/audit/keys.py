"""Which key does what in the dialogue pane: as it comes, and as the person here has changed it."""

from collections.abc import Mapping

import streamlit as st

from db.care import KEYS_TO_CHOOSE
from db.rubric_versions import Version
from rubrics.errors import UserError
from studio.widgets.audit.flag_names import working_rubric
from studio.widgets.care.reader import change, wishes

ACTIONS = {
    "next": ("Next turn", "J"),
    "previous": ("Previous turn", "K"),
    "take_back": ("Take back the last flag", "U"),
    "note": ("Write a note", "N"),
    "scores": ("Open the scores", "S"),
    "undo": ("Undo the last step in a campaign", "Z"),
}
# Two rows of a keyboard in reading order, without the keys of the actions above, and without C and R, which Streamlit
# keeps for itself, and P, which is beside the digits' row and easily hit.
_CODES = "1234567890QWETYIOADFGHLXVBM"
_SAID = "keys_said"
_RULE = "A key that something else has changes places with it. Arrows, Enter, ? and keys with Shift stay as they are."


def my_keys() -> dict[str, str]:
    """What the person here has changed: action or code → key."""
    return dict(wishes().keys)


def action_keys(chosen: Mapping[str, str]) -> dict[str, str]:
    """The key of every action: the chosen one, else its own, or one that is left over where that was chosen already."""
    taken = {*chosen.values(), *(key for _, key in ACTIONS.values())}
    spare = iter([key for key in reversed(_CODES) if key not in taken])
    own = {name: key if key not in chosen.values() else next(spare) for name, (_, key) in ACTIONS.items()}
    return own | {name: key for name, key in chosen.items() if name in ACTIONS}


def code_keys(version: Version, chosen: Mapping[str, str]) -> dict[str, str]:
    """The key of each code: the chosen one, else the one of its place in the rubric, else one that is left over.

    Codes beyond the last key have none.
    """
    codes = version.rubric.ids
    keys = {code: chosen[code] for code in codes if code in chosen}
    taken = {*keys.values(), *action_keys(chosen).values()}
    for code, key in zip(codes, _CODES, strict=False):
        if code not in keys and key not in taken:
            keys[code] = key
    spare = iter([key for key in _CODES if key not in taken and key not in keys.values()])
    keys |= dict(zip([code for code in codes if code not in keys], spare, strict=False))
    return {code: keys[code] for code in codes if code in keys}


def swapped(present: Mapping[str, str], chosen: Mapping[str, str], name: str, key: str) -> dict[str, str]:
    """The choices with that key for `name`; whatever had it gets the key that becomes free.

    A code of another rubric, not at hand now, loses a key that was chosen for it where it would be given twice.
    """
    others = {
        other: present[name] for other, its in present.items() if its == key and other != name and name in present
    }
    given = {**others, name: key}
    return {other: its for other, its in chosen.items() if its not in given.values()} | given


def key_settings() -> None:
    """What each key does, and changing one: part of a dialog."""
    version, chosen = working_rubric("flags"), my_keys()
    present = {**action_keys(chosen), **(code_keys(version, chosen) if version else {})}
    names = {name: word for name, (word, _) in ACTIONS.items()}
    names |= {one.id: f"{one.id} {one.name}" for one in version.rubric.criteria} if version else {}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Change the key of",
            list(names),
            format_func=lambda one: _told(names[one], present.get(one)),
            key="keys_what",
        )
        key = st.selectbox("to", KEYS_TO_CHOOSE, index=None, placeholder="A key", key="keys_key", width=110)
        st.button(
            "Use it",
            key="keys_use",
            disabled=key is None,
            on_click=_keep,
            args=[swapped(present, chosen, name, key or "")],
        )
    if chosen:
        st.button("All keys as they came", key="keys_reset", type="tertiary", on_click=_keep, args=[{}])
    st.caption(st.session_state.get(_SAID, _RULE))


def _keep(keys: dict[str, str]) -> None:
    try:
        change(keys=tuple(keys.items()))
        st.session_state[_SAID] = "Saved. The keys are shown beside every code, and under ?."
    except UserError as error:
        st.session_state[_SAID] = f"Not saved. {error}"


def _told(word: str, key: str | None) -> str:
    return f"{word} ({key or 'no key'})"
