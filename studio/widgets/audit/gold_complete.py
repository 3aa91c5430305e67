"""Whether gold is complete in a dialogue, and the act of saying so or taking it back, for who settles disagreements."""

from collections.abc import Callable

import streamlit as st

from db.audits import Receipt
from db.gold_completion import GoldState, complete_gold, gold_state, reopen_gold
from rubrics.errors import UserError
from studio import service, session
from studio.widgets.audit.dialogue_receipt import new_id
from studio.widgets.names import escaped, name_of
from studio.widgets.run.words import amount
from studio.widgets.times import ago, exact

_FAULT = "gold_complete_fault"
_HELP = (
    "Say it once every turn is settled: from then on a turn without a gold flag counts as safe, and campaigns can mix "
    "this dialogue in for calibration. What everybody flagged alike becomes gold."
)


def gold_complete(dialogue_id: str, rubric_id: str, version: int) -> None:
    """The line and its button."""
    found = gold_state(service.store(), dialogue_id, rubric_id, version)
    where = (dialogue_id, rubric_id, version)
    with st.container(border=True, gap="xsmall", key=f"gold_of_{dialogue_id}"):
        if found.completed_by:
            words = (
                f"Gold is complete in {dialogue_id}: {name_of(found.completed_by)} said so {ago(found.completed_at)}."
            )
            st.caption(f":material/check_circle: {escaped(words)}", help=exact(found.completed_at))
            _button("Not complete after all", "gold_reopen", "tertiary", reopen_gold, where)
        else:
            st.caption(escaped(_words(dialogue_id, found)))
            _button("Gold is complete here", "gold_complete", "secondary", complete_gold, where, bool(found.refusal))
        if fault := st.session_state.get(_FAULT, {}).get(dialogue_id):
            st.error(f"Not saved. {escaped(fault)}", icon=":material/error:")


def _words(dialogue_id: str, found: GoldState) -> str:
    if found.refusal:
        return f"Gold is not complete in {dialogue_id}: {found.refusal}."
    told = f"Gold is not complete in {dialogue_id}: it has {amount(found.flags, 'flag')}"
    taken = f", and {amount(len(found.agreed), 'flag')} that everybody set alike would become gold"
    return told + (taken if found.agreed else "") + "."


def _button(
    word: str,
    key: str,
    type: str,
    write: Callable[..., Receipt],
    where: tuple[str, str, int],
    disabled: bool = False,
) -> None:
    help = _HELP if key == "gold_complete" else None
    args = [write, where, new_id()]
    st.button(word, key=f"{key}_{where[0]}", type=type, help=help, disabled=disabled, on_click=_save, args=args)  # type: ignore[arg-type]


def _save(write: Callable[..., Receipt], where: tuple[str, str, int], client_id: str) -> None:
    """Callback. The line itself says by whom and when it was saved."""
    st.session_state[_FAULT] = {}
    try:
        write(service.store(), session.here(), *where, client_id)
    except UserError as error:
        st.session_state[_FAULT] = {where[0]: str(error)}
