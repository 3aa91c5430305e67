"""What a change of a rubric would do to everything judged so far: first in sentences, then in lists to walk through."""

from html import escape

import streamlit as st

from db import rubric_versions
from db.impact import Impact, preview
from rubrics.load import rubric_from
from rubrics.schema import Purpose, Rubric
from studio import charts, service
from studio.widgets.names import escaped
from studio.widgets.rubric import bodies
from studio.widgets.rubric.consequences import show_consequences
from studio.widgets.rubric.impact_lists import show_flips, show_gold, show_left_out, show_marks
from studio.widgets.rubric.impact_words import is_empty, listed, many, moved_words, summary
from studio.widgets.rubric.words import STATES
from studio.widgets.rubric.work import Work

TRY = "try-it"  # the id of the place on the page where the draft is tried on turns


def show_impact(impact: Impact, rubric: Rubric | None = None, can_try: bool = False) -> None:
    """The sentences, the spread of the moves, the turns behind them, and what is not known.

    `rubric` is the new one; with it criteria are called by their names, and an empty preview says what to run.
    `can_try` says that the page has a place where the draft is tried on turns.
    """
    names = {c.id: c.name for c in rubric.criteria} if rubric else {}
    if is_empty(impact):
        _nothing_yet(rubric.purpose if rubric else "score")
    else:
        _sentences(summary(impact, names))
        if can_try and impact.criteria_to_judge:
            _to_judge(listed(impact.criteria_to_judge, names))
        _spread(impact)
        show_flips(impact)
        show_gold(impact, names)
        show_marks(impact, names)
        show_left_out(impact)
        for note in impact.notes:
            st.caption(escaped(note))


def impact_of_draft(work: Work) -> None:
    """The draft as it is typed, against the version that is in use; computed anew whenever it changes."""
    st.subheader("What this draft would do", anchor=False)
    if faults := bodies.problems(work.body):
        _faults(faults)
        return
    base = rubric_versions.compared_with(service.store(), work.rubric_id, work.base_version)
    if base is None:
        st.info("This is the first version of a new rubric: nothing was judged by it, so there is nothing to foresee.")
        return
    draft = rubric_from(work.body, f"{work.rubric_id}, draft")
    if draft.hash == base.rubric.hash:
        st.info(f"The draft says the same as version {base.version}. Change something, then look here again.")
        return
    with st.spinner("Counting what would change …"):
        impact = preview(service.store(), base.rubric, draft)
    typed = ", with what you have typed and not saved" if work.dirty else ""
    took = f"in {impact.seconds:.1f} s" if impact.seconds >= 0.05 else "at once"
    st.caption(f"Against version {base.version}, {STATES[base.state][0].lower()}{typed}. Counted {took}.")
    with st.container(key="impact_of_draft"):
        show_impact(impact, draft, can_try=True)
    st.markdown("**What each edit sets in motion**")
    show_consequences(base.rubric, draft)


def _faults(faults: list[tuple[str | None, str]]) -> None:
    lines = "\n".join(f"- {escaped(f'{place}: {text}' if place else text)}" for place, text in faults)
    st.warning(
        f"Nothing can be foreseen of half a rubric. To mend first, in Edit:\n{lines}", icon=":material/edit_note:"
    )


def _sentences(sentences: list[str]) -> None:
    if sentences:
        first, *rest = map(escape, sentences)
        more = "".join(f"<li>{sentence}</li>" for sentence in rest)
        st.html(f'<div class="kr-summary"><p>{first}</p>' + (f"<ul>{more}</ul>" if more else "") + "</div>")


def _spread(impact: Impact) -> None:
    if not impact.moved or not any(impact.histogram_counts):
        return
    figure = charts.moves(
        impact.histogram_edges, impact.histogram_counts, "Change of the reward: left lower, right higher", "Answers"
    )
    alt = f"How far {many(impact.moved, 'reward')} {'moves' if impact.moved == 1 else 'move'}: {moved_words(impact)}."
    charts.draw(figure, f"impact_moves_{impact.new_hash[:12]}", alt)


def _to_judge(which: str) -> None:
    """What only a judge can say, and the way to ask one."""
    st.html(
        f'<p class="kr-text">Only a judge can say what the new words do to {escape(which)}. '
        f'<a class="kr-go" href="#{TRY}">Try on the most affected turns</a></p>'
    )


def _nothing_yet(purpose: Purpose) -> None:
    """What to do so that something can be foreseen."""
    if purpose == "flags":
        st.info("A rubric of flags makes no rewards, and nobody's marks stand on the parts that change.")
        return
    stage, words = ("regenerate", "Regenerate dialogues") if purpose == "gate" else ("score", "Score turns")
    st.info(f"Nothing was judged by this rubric yet, so nothing is known of what would change. Run “{words}” first.")
    st.page_link("app_pages/runs.py", label=words, icon=":material/play_circle:", query_params={"start": stage})
