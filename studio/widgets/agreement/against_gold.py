"""People against gold: how much of what gold flags they flagged too, and how much of what it leaves."""

from html import escape

import streamlit as st

from db.agreement import ANY
from db.agreement_figures import GoldFigures
from studio import session
from studio.widgets.agreement.choice import ANY_WORDS, Choice, note
from studio.widgets.agreement.ratings import flag_table, gold_figures
from studio.widgets.agreement.words import cell

_HEADS = ("Gold flags found", "Flagged where gold does not")


def against_gold(choice: Choice) -> None:
    """The whole of the people chosen, code by code; nothing while gold covers none of their turns."""
    codes = [ANY, *choice.criteria]
    found = {code: gold_figures(choice, code) for code in codes}
    found = {code: one for code, one in found.items() if one.gold or (code == ANY and one.clear)}
    if not found:
        return
    st.subheader("Beside gold", anchor=False)
    st.html(_table(choice, {code: one for code, one in found.items() if code == ANY}))
    if len(found) > 1:
        with st.expander("Flag by flag", key="agreement_gold_codes"):
            st.html(_table(choice, {code: one for code, one in found.items() if code != ANY}))
    note(
        "Gold is no rater and is in no figure of agreement. Where it was settled from these same marks, it favours "
        "those whose view was taken. Open campaigns that you read in yourself are left out."
    )


def own_against_gold(choice: Choice) -> None:
    """One line about oneself, for whoever audits; nothing while gold covers none of one's turns."""
    me = session.here().person_id
    if not session.allowed("audit") or me not in flag_table(choice).raters:
        return
    one = gold_figures(choice, ANY, (me,))
    if one.gold or one.clear:
        st.subheader("You beside gold", anchor=False)
        note(
            f"In dialogues that you finished, you flagged {one.hits} of {one.gold} turns that gold flags, "
            f"and {one.false_alarms} of {one.clear} that it does not. Campaigns that you read in count once they are "
            "closed. Other annotators do not see this."
        )


def _table(choice: Choice, found: dict[str, GoldFigures]) -> str:
    rows = "".join(_row(choice, code, one) for code, one in found.items())
    head = "".join(f'<th scope="col">{word}</th>' for word in ("Flag", *_HEADS))
    head = f"<thead><tr>{head}</tr></thead>"
    return f'<table class="ka" aria-label="People beside gold">{head}<tbody>{rows}</tbody></table>'


def _row(choice: Choice, code: str, one: GoldFigures) -> str:
    name = escape(choice.criteria.get(code, ANY_WORDS))
    code_html = f'<span class="ka-code">{escape(code)}</span>' if code else ""
    told = (
        (cell(one.found, percent=True), f"{one.hits:,} of {one.gold:,} ratings"),
        (cell(one.alarmed, percent=True), f"{one.false_alarms:,} of {one.clear:,} ratings"),
    )
    cells = "".join(
        f'<td data-head="{head}">{value}<small>{counted}</small></td>'
        for head, (value, counted) in zip(_HEADS, told, strict=True)
    )
    return f'<tr><th scope="row">{name}{code_html}</th>{cells}</tr>'
