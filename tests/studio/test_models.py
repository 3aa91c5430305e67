import json

import pytest
from streamlit.testing.v1 import AppTest

from db.lineage import Link
from db.store import Store
from studio.widgets.model.view import _groups
from tests.studio import run_dirs
from tests.studio.opening import Open, SignIn, opening_once_read


@pytest.fixture
def open_page(app: AppTest, sign_in: SignIn, store: Store) -> Open:
    """A function: the Models page as that person finds it, once the store has read every run."""
    return opening_once_read(app, sign_in, store, "app_pages/models.py")


def texts(at: AppTest) -> str:
    every = [*at.title, *at.markdown, *at.caption, *at.html, *at.info, *at.warning, *at.error]
    return "\n".join(str(element.value) for element in every)


def test_an_empty_list_says_how_a_model_comes_to_be(open_page: Open) -> None:
    assert "No model has been trained yet" in texts(open_page())


def test_the_list_tells_what_a_model_was_trained_from_and_on(open_page: Open, store: Store) -> None:
    model = run_dirs.trained(store, "grpo", steps=7)
    at = open_page()
    assert [b.key for b in at.button if str(b.key).startswith("open_")] == [f"open_{model.run_id}"]
    told = texts(at)
    for words in ("SmolLM2-135M (built in), 7 steps", "3 dialogues", "kardia-empathy, version 1", "Ravi Desai"):
        assert words in told


def test_a_model_is_walked_back_to_who_approved_its_rubric_and_why(open_page: Open, store: Store) -> None:
    base = run_dirs.trained(store, "sft")
    model = run_dirs.trained(store, "grpo", parents=[base.run_id])
    at = open_page(model=model.run_id)
    chain = at.container(key="lineage")
    told = "\n".join(str(element.value) for element in [*chain.html, *chain.markdown])
    in_order = [
        "Train with GRPO, asked for by Ravi Desai",
        "Does it get warmer?",
        "3 dialogues",
        "Kardia empathy, version 1",
        "Approved by Dr. Tomas Lindqvist",
        run_dirs.approved(store, "score").reason,
        "Fine-tune (SFT), asked for by Ravi Desai",
    ]
    places = [told.find(words) for words in in_order]
    assert -1 not in places, dict(zip(in_order, places, strict=True))
    assert places == sorted(places)
    assert "too weak to judge" in texts(at)


def test_a_model_without_a_judge_behind_it_carries_no_warning(open_page: Open, store: Store) -> None:
    assert "too weak to judge" not in texts(open_page(model=run_dirs.trained(store, "sft").run_id))


def test_the_newest_evaluation_of_a_model_is_its_scorecard(open_page: Open, store: Store) -> None:
    model = run_dirs.trained(store)
    assert "No evaluation has used this model yet" in texts(open_page(model=model.run_id))
    run_dirs.evaluated(store, model.run_id)
    at = open_page(model=model.run_id)
    card = at.dataframe[0].value
    assert list(card.columns) == [
        "Model",
        "Emotion named exactly",
        "Relevance",
        "Fluency",
        "Empathy",
        "Persona consistency",
        "Safety",
    ]
    assert card["Model"].iloc[0] == "SmolLM2-135M (built in)"
    assert "Not held out: 3 of 8 dialogues" in texts(at)
    assert "points, interval" in texts(at)
    assert "Published figures, not ours" in [one.label for one in at.expander]


def test_published_figures_stand_apart_and_carry_their_grade(open_page: Open, store: Store) -> None:
    model = run_dirs.trained(store)
    run_dirs.evaluated(store, model.run_id)
    at = open_page(model=model.run_id)
    tables = [frame.value for frame in at.dataframe]
    published = [table for table in tables if "Grade" in table]
    assert len(published) == 2
    for table in published:
        assert table["Grade"].isin(["K", "D"]).all()
    ours = "".join(table.to_string() for table in tables if "Grade" not in table)
    assert not any(figure in ours for figure in ("66.53", "9.54", "64.48", "Qwen", "Gemma"))


def test_a_figure_leads_to_its_answers_their_verdicts_and_the_criterion(open_page: Open, store: Store) -> None:
    between, model = run_dirs.trained(store, "sft"), run_dirs.trained(store)
    run = run_dirs.evaluated(store, model.run_id, [between.run_id], samples=2)
    at = open_page(model=between.run_id, behind_measure="empathy")
    assert at.selectbox(key="behind_which").value == "trained"
    at.selectbox(key="behind_which").select("base").run()
    measures = run.read_output("measures")
    assert measures is not None
    own = measures[(measures["which"] == "base") & (measures["measure"] == "empathy")]
    worst = at.selectbox(key="behind_answer_base_empathy").options[0]
    assert worst.startswith(f"{own['value'].min():.2f}: ")
    told = texts(at)
    assert "It takes up what was said." in told
    links = {link.label: link for link in at.get("page_link")}
    assert any(label.startswith("Open Empathy in version 1") for label in links)
    assert any("the worst of k" in str(one.value) for one in at.markdown)


def test_a_run_that_trained_nothing_is_one_line(open_page: Open, store: Store) -> None:
    assert "trained no model" in open_page(model=run_dirs.scored(store).run_id).error[0].value


def test_each_run_of_the_chain_is_one_group() -> None:
    kinds = [("model", "a"), ("run", "a"), ("data", "a"), ("model", "b"), ("run", "b"), ("run", "c"), ("rubric", "r@1")]
    groups = _groups([Link(kind, id_, "", "") for kind, id_ in kinds])  # type: ignore[arg-type]
    assert [[link.kind for link in group] for group in groups] == [
        ["model", "run", "data"],
        ["model", "run"],
        ["run", "rubric"],
    ]


def test_a_model_trained_past_the_gate_says_so_first_and_so_does_every_model_built_on_it(
    open_page: Open, store: Store
) -> None:
    first = run_dirs.trained(store, "grpo")
    given = {"by": "ines", "name": "Dr. Ines Okafor", "at": "2026-11-27T10:00:00.000", "judge": "embedded/m"}
    given |= {"reason": "<i>Only</i> to try it.", "rubric_hash": "f" * 64, "shortfalls": ["Safety has 0 labels"]}
    request = first.path / "request.json"
    request.write_text(json.dumps({**json.loads(request.read_text()), "override": given}))
    second = run_dirs.trained(store, "grpo", parents=[first.run_id])
    assert texts(open_page()).count("Gate overridden") == 2
    for model in (first, second):
        at = open_page(model=model.run_id)
        assert "Gate overridden by Dr\\. Ines Okafor" in at.warning[0].value
        told = texts(at)
        assert "&lt;i&gt;Only&lt;/i&gt; to try it. (What did not suffice: Safety has 0 labels)" in told


def test_the_list_ranks_models_that_answered_the_same_turns(open_page: Open, store: Store) -> None:
    first, second = run_dirs.trained(store, "sft"), run_dirs.trained(store)
    run_dirs.evaluated(store, first.run_id)
    run_dirs.evaluated(store, second.run_id)
    run_dirs.evaluated(store, second.run_id, count=4)
    boards = [frame.value for frame in open_page().dataframe if "Rubric score" in frame.value]
    assert sorted(len(board) for board in boards) == [2, 3], "four dialogues are not the same turns as eight"
    whole = next(board for board in boards if len(board) == 3)
    scores = [float(cell.split(" ")[0]) for cell in whole["Rubric score"]]
    assert scores == sorted(scores, reverse=True)
