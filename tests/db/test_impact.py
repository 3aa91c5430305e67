"""What a rubric change would do, against the pipeline's own rewards computed text by text."""

import json
import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.audits import finish, flag, score
from db.exchange import import_lines
from db.impact import Impact, keep_preview, kept_preview, measure, preview
from db.impact.sides import NEW_GOLD, NO_GOLD, NO_VERDICT, NOT_FOLLOWING, OFF_SCALE
from db.people import SYSTEM, Person, add_person
from db.rubric_versions import import_version
from db.store import Store
from pipeline.rewards import Reward, combine
from rubrics.impact import to_judge_again
from rubrics.load import LIBRARY, library, load_rubric
from rubrics.schema import Rubric
from tests.db.impact_stores import CUT_OFF, WHOLE, Judged, edited, judged_run, small, verdicts_of

OLD = small()
STRICT = edited(OLD, "safety", veto={"at_or_below": 2})
DOUBLE = edited(OLD, "empathy", weight=3.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def expected(new: Rubric, old: Rubric, turn: Judged) -> Reward:
    """The pipeline's reward under `new`, from the verdicts given under `old` that still hold."""
    held = [v for v in verdicts_of(old, turn) if v.criterion_id not in to_judge_again(old, new)]
    return combine(new, turn.text, turn.gold, held)


def test_rewards_move_as_the_pipeline_would_compute_them(store: Store) -> None:
    turns = [Judged("d1", 0, [5, 2]), Judged("d1", 1, [1, 5]), Judged("d2", 0, [3, 3]), Judged("d3", 0, [5, 1])]
    judged_run(store, "r1", OLD, turns)
    impact = preview(store, OLD, DOUBLE)
    moves = [
        (expected(DOUBLE, OLD, turn).reward or 0.0)
        - (combine(OLD, turn.text, "sad", verdicts_of(OLD, turn)).reward or 0)
        for turn in turns
    ]
    # (3·1 + 0.25)/4 − 0.625 = 0.1875 and (0 + 1)/4 − 0.5 = −0.25, each a third; the mean turn and the vetoed one stay.
    assert moves == pytest.approx([0.0625, -1 / 12, 0.0, 0.0])
    assert (impact.rows, impact.verdicts, impact.moved) == (4, 8, 2)
    assert impact.mean_move == pytest.approx(sum(moves) / 4)
    assert impact.largest_move == pytest.approx(-1 / 12)
    assert sum(impact.histogram_counts) == 2
    occupied = [edge for edge, n in zip(impact.histogram_edges, impact.histogram_counts, strict=False) if n]
    assert occupied == [-0.09, 0.06]  # steps of a hundredth
    assert impact.left_out == {}


def test_turns_flip_with_their_address_and_why(store: Store) -> None:
    judged_run(store, "r1", OLD, [Judged("d1", 0, [5, 2]), Judged("d1", 1, [1, 5]), Judged("d2", 3, [5, 5])])
    impact = preview(store, OLD, edited(STRICT, "empathy", weight=3.0))
    assert (impact.judged, impact.passes_before, impact.passes_after) == (3, 3, 1)
    assert (impact.to_fail_count, impact.to_pass_count, impact.to_pass) == (2, 0, ())
    assert [flip[:4] for flip in impact.to_fail] == [("r1", "d1", 0, 0), ("r1", "d1", 1, 0)]
    assert [flip.before for flip in impact.to_fail] == pytest.approx([0.625, 0.5])
    assert [flip.after for flip in impact.to_fail] == pytest.approx([0.0, 0.25])
    assert impact.to_fail[0].why == "Safety vetoes it"
    assert impact.to_fail[1].why == "its number: 0.5, then 0.25; the pass mark is 0.5"


def test_a_veto_taken_back_and_a_lower_mark_let_turns_pass(store: Store) -> None:
    judged_run(store, "r1", OLD, [Judged("d1", 0, [5, 1]), Judged("d2", 0, [2, 2])])
    lower = edited(OLD, "safety", veto=None, whole={"aggregate": {"pass_mark": 0.25}})
    impact = preview(store, OLD, lower)
    assert [(flip.dialogue_id, flip.why) for flip in impact.to_pass] == [
        ("d1", "Safety no longer vetoes it"),
        ("d2", "its number stays 0.25; the pass mark is 0.25 (was 0.5)"),
    ]
    assert (impact.passes_before, impact.passes_after) == (0, 2)


def test_at_most_fifty_flips_are_kept_and_all_are_counted(store: Store) -> None:
    judged_run(store, "r1", OLD, [Judged(f"d{i}", 0, [5, 2]) for i in range(60)])
    impact = preview(store, OLD, STRICT)
    assert (len(impact.to_fail), impact.to_fail_count) == (50, 60)


def test_a_changed_question_is_unknown_until_it_is_judged(store: Store) -> None:
    judged_run(store, "r1", OLD, [Judged("d1", 0, [5, 2]), Judged("d1", 1, [1, 5])])
    impact = preview(store, OLD, edited(OLD, "empathy", question="Was the person heard?"))
    assert impact.criteria_to_judge == ("empathy",)
    assert (impact.rows, impact.judged, impact.unknown_until_judged, impact.moved) == (0, 0, 2, 0)
    assert (impact.mean_move, impact.largest_move, impact.to_fail, impact.left_out) == (None, None, (), {})


def test_where_the_rubric_counts_for_nothing_rewards_are_known_without_its_verdicts(store: Store) -> None:
    old = edited(OLD, "safety", veto=None, whole={"reward": {"format": 1, "emotion": 1, "rubric": 0}})
    judged_run(store, "r1", old, [Judged("d1", 0, [5, 2])])
    impact = preview(
        store, old, edited(old, "empathy", question="Other?", whole={"reward": {"format": 1, "rubric": 0}})
    )
    assert (impact.rows, impact.judged, impact.unknown_until_judged) == (1, 0, 1)


def test_a_removed_criterion_is_computed_without_and_an_added_one_is_unknown(store: Store) -> None:
    judged_run(store, "r1", OLD, [Judged("d1", 0, [5, 2]), Judged("d2", 0, [1, 5])])
    less = OLD.model_copy(update={"criteria": OLD.criteria[:1]})
    impact = preview(store, OLD, less)
    assert (impact.rows, impact.moved, impact.criteria_to_judge) == (2, 2, ())
    assert impact.mean_move == pytest.approx(((1 - 0.625) / 3 + (0 - 0.5) / 3) / 2)
    more = OLD.model_copy(update={"criteria": (*OLD.criteria, OLD.criteria[0].model_copy(update={"id": "warmth"}))})
    impact = preview(store, OLD, more)
    assert (impact.criteria_to_judge, impact.rows, impact.unknown_until_judged) == (("warmth",), 0, 2)


def test_an_abstention_has_a_worth_only_where_the_answer_lacks_what_is_read(store: Store) -> None:
    """The cut-off answer earns its lowest scores and no veto; the abstention on a whole answer stays unknown."""
    cut = Judged("d1", 0, ["abstained", "abstained"], text=CUT_OFF)
    judged_run(store, "r1", OLD, [cut, Judged("d2", 0, ["abstained", 5])])
    impact = preview(store, OLD, STRICT)
    assert (impact.rows, impact.moved, impact.to_fail_count) == (1, 0, 0)
    assert impact.left_out == {NO_VERDICT: 1}
    assert combine(STRICT, CUT_OFF, "sad", verdicts_of(OLD, cut)).vetoed_by is None


@pytest.mark.parametrize("outcome", ["timeout", "parse_failed", "budget_stopped"])
def test_failed_verdicts_are_left_out_and_never_numbers(store: Store, outcome: str) -> None:
    judged_run(store, "r1", OLD, [Judged("d1", 0, [5, outcome]), Judged("d2", 0, [5, 5])])
    impact = preview(store, OLD, DOUBLE)
    assert (impact.rows, impact.judged, impact.left_out) == (1, 1, {NO_VERDICT: 1})


def test_without_a_gold_emotion_there_is_no_reward_but_turns_pass_or_not(store: Store) -> None:
    judged_run(store, "r1", OLD, [Judged("d1", 0, [5, 2], gold="")])
    impact = preview(store, OLD, STRICT)
    assert (impact.rows, impact.judged, impact.to_fail_count, impact.left_out) == (0, 1, 1, {NO_GOLD: 1})
    blind = edited(OLD, whole={"reward": {"format": 1, "emotion": 0, "rubric": 1}})
    judged_run(store, "r2", blind, [Judged("d1", 0, [5, 2], gold="")])
    assert preview(store, blind, OLD).left_out[NEW_GOLD] == 1


def test_only_runs_whose_verdicts_hold_are_counted(store: Store) -> None:
    for rubric in (edited(OLD, "empathy", weight=2.0), edited(OLD, "empathy", question="Other?"), OLD):
        import_version(store, SYSTEM, rubric, "")
    judged_run(store, "r1", edited(OLD, "empathy", weight=2.0), [Judged("d1", 0, [5, 2])], version=1)
    judged_run(store, "r2", edited(OLD, "empathy", question="Other?"), [Judged("d1", 1, [5, 2])], version=2)
    judged_run(store, "r3", OLD, [Judged("d2", 0, [5, 2])], version=3)
    judged_run(store, "r4", OLD, [Judged("d3", 0, [5, 2])], stage="evaluate", version=3)
    judged_run(store, "r5", edited(OLD, whole={"id": "another"}), [Judged("d4", 0, [5, 2])])
    impact = preview(store, OLD, STRICT)
    assert sorted(flip.run_id for flip in impact.to_fail) == ["r1", "r3"]
    # r1 was rewarded by other weights: before is what the old rubric gives, from verdicts that hold.
    assert {flip.before for flip in impact.to_fail} == {0.625}
    assert impact.left_out == {"judged by another version, whose questions were others": 1}


def test_a_reward_that_does_not_follow_from_its_verdicts_is_left_out(store: Store) -> None:
    run = judged_run(store, "r1", OLD, [Judged("d1", 0, [5, 2]), Judged("d2", 0, [5, 2]), Judged("d3", 0, [5, 2])])
    frame = run.read_output("rewards")
    assert frame is not None
    store.write(lambda c: c.execute("UPDATE rewards SET reward = 0.9 WHERE dialogue_id = 'd1'"))
    store.write(
        lambda c: c.execute("UPDATE verdicts SET score = 9 WHERE dialogue_id = 'd2' AND criterion_id = 'empathy'")
    )
    impact = preview(store, OLD, STRICT)
    assert (impact.rows, impact.judged, impact.left_out) == (1, 1, {OFF_SCALE: 1, NOT_FOLLOWING: 1})


def test_what_is_asked_again_does_not_count_twice(store: Store) -> None:
    judged_run(store, "r1", OLD, [Judged("d1", 0, [5, 2])])
    store.write(
        lambda c: c.execute(
            "INSERT INTO verdicts BY NAME (SELECT * REPLACE (1 AS replicate, 5.0 AS score) FROM verdicts)"
        )
    )
    impact = preview(store, OLD, STRICT)
    assert (impact.rows, impact.verdicts, impact.to_fail_count) == (1, 2, 1)


def test_rows_in_any_order_give_the_same(store: Store) -> None:
    """Runs write verdicts and rewards in one order of turns; nothing may hang on that."""
    dice = random.Random(7)
    turns = [Judged(f"d{i}", i % 3, [dice.randint(1, 5), dice.randint(1, 5)]) for i in range(80)]
    judged_run(store, "r1", OLD, turns[:50])
    judged_run(store, "r2", OLD, turns[30:])
    new = edited(STRICT, "empathy", weight=3.0)
    before = preview(store, OLD, new)
    for table in ("rewards", "verdicts"):
        store.write(lambda c, table=table: c.execute(f"CREATE TABLE other AS FROM {table} ORDER BY random()"))  # type: ignore[misc]
        store.write(lambda c, table=table: c.execute(f"DELETE FROM {table}"))  # type: ignore[misc]
        store.write(lambda c, table=table: c.execute(f"INSERT INTO {table} FROM other; DROP TABLE other"))  # type: ignore[misc]
    after = preview(store, OLD, new)
    assert before.to_fail_count > 0
    for name in ("rows", "verdicts", "moved", "passes_after", "to_fail_count", "to_pass_count", "histogram_counts"):
        assert getattr(after, name) == getattr(before, name), name
    assert {flip[:4] for flip in after.to_fail} == {flip[:4] for flip in before.to_fail}


def test_grpo_groups_are_counted_by_sample_index(store: Store) -> None:
    """Groups of two: the first ties and stays; the second turns round; the third has an unknown reward."""
    given_scores: list[tuple[int, int | str]] = [(3, 3), (3, 3), (5, 2), (2, 4), (5, 5), (5, "timeout")]
    turns = [Judged("d1", 0, list(pair), sample_index=i) for i, pair in enumerate(given_scores)]
    judged_run(store, "g1", OLD, turns, stage="grpo", num_generations=2)
    impact = preview(store, OLD, edited(OLD, "safety", weight=5.0))
    assert (impact.groups, impact.groups_left_out) == (2, 1)
    assert (impact.groups_sign_changed, impact.groups_order_changed) == (1, 1)
    judged_run(store, "g2", OLD, turns[:4], stage="grpo")
    assert preview(store, OLD, DOUBLE).groups_left_out == 5  # four samples of a run that does not tell its groups' size


HELLO = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


class Gold:
    """People, dialogues and a flags rubric to set gold with."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.ines: Person = add_person(store, SYSTEM, "ines", "Dr. Ines Okafor", ["psychologist", "annotator"])
        flags = load_rubric(LIBRARY / "unsafe-turns.yaml")
        self.flags = import_version(store, SYSTEM, flags, "")
        lines = [
            json.dumps({"dialogue_id": name, "messages": [*HELLO, *HELLO]}).encode() for name in ("d1", "d2", "d3")
        ]
        import_lines(store, SYSTEM, lines, "demo", "demo")

    def set(
        self, dialogue_id: str, turn_index: int, severity: Any = "red", is_gold: bool = True, code: str = "CR1"
    ) -> None:
        flag(
            self.store,
            self.ines,
            dialogue_id,
            turn_index,
            code,
            severity,
            rubric_id=self.flags.rubric_id,
            rubric_version=self.flags.version,
            client_id=f"{dialogue_id}{turn_index}{code}{is_gold}",
            is_gold=is_gold,
        )

    def finish(self, dialogue_id: str) -> None:
        told = (self.flags.rubric_id, self.flags.version, f"f{dialogue_id}")
        finish(self.store, self.ines, dialogue_id, *told, is_gold=True)


def test_gold_is_contradicted_when_an_unsafe_turn_would_pass_or_a_sound_one_is_vetoed(store: Store) -> None:
    gold = Gold(store)
    gold.set("d1", 0)
    gold.set("d1", 1, severity="yellow")
    gold.set("d2", 1, is_gold=False)
    gold.finish("d2")
    turns = [Judged("d1", 0, [4, 1]), Judged("d1", 1, [4, 1]), Judged("d2", 0, [5, 2]), Judged("d3", 0, [5, 2])]
    judged_run(store, "r1", OLD, turns)
    judged_run(store, "r2", OLD, turns)
    judged_run(store, "g1", OLD, turns, stage="grpo", num_generations=2)
    without = edited(OLD, "safety", veto=None, whole={"aggregate": {"pass_mark": 0.3}})
    impact = preview(store, OLD, without)
    assert [turn[:4] for turn in impact.gold_contradicted] == [("d1", 0, "CR1", "red")]
    assert impact.gold_contradicted[0].what == "gold says unsafe: the turn would pass"
    assert (impact.gold_contradicted_count, impact.gold_resolved) == (1, ())
    back = preview(store, without, OLD)
    assert back.rows == 0  # nothing was ever judged under that rubric
    strict = preview(store, OLD, STRICT)
    assert [turn[:3] for turn in strict.gold_contradicted] == [("d2", 0, "safety")]
    assert strict.gold_contradicted[0].what == "gold flagged nothing here: a veto would set the turn to 0"


def test_gold_is_resolved_the_other_way_round(store: Store) -> None:
    gold = Gold(store)
    gold.set("d1", 0)
    gold.finish("d2")
    judged_run(store, "r1", OLD, [Judged("d1", 0, [5, 2]), Judged("d2", 0, [5, 1])])
    strict = preview(store, OLD, STRICT)
    assert [(t.dialogue_id, t.code, t.what) for t in strict.gold_resolved] == [
        ("d1", "CR1", "gold says unsafe: the turn would no longer pass")
    ]
    loose = preview(store, OLD, edited(OLD, "safety", veto=None))
    assert [(t.dialogue_id, t.code, t.what) for t in loose.gold_resolved] == [
        ("d2", "safety", "gold flagged nothing here: a veto would no longer set the turn to 0")
    ]


def test_marks_on_a_code_that_goes_or_changes_are_counted(store: Store) -> None:
    gold = Gold(store)
    gold.set("d1", 0)
    gold.set("d1", 1, is_gold=False)
    gold.set("d2", 0, code="CR2")
    old = gold.flags.rubric
    split = old.criteria[0].model_copy(update={"id": "CR1a", "replaces": ("CR1",)})
    second = old.criteria[1].model_copy(update={"question": "Something else?"})
    new = old.model_copy(update={"criteria": (split, second, *old.criteria[2:])})
    impact = preview(store, old, new)
    assert [tuple(mark) for mark in impact.marks] == [
        ("CR1", "removed", 2, 0, 1, ("CR1a",)),
        ("CR2", "changed", 1, 0, 1, ()),
    ]
    assert impact.notes == ("A rubric of flags makes no rewards: only people's marks are concerned.",)
    version = import_version(store, SYSTEM, OLD, "")
    score(store, gold.ines, "d1", 0, "empathy", 4, "", OLD.id, version.version, "s1")
    assert [mark.scores for mark in preview(store, OLD, edited(OLD, "empathy", question="Q?")).marks] == [1]


def test_a_gate_says_which_answers_would_pass(store: Store) -> None:
    gate = next(rubric for rubric in library() if rubric.purpose == "gate")
    unsafe, fine = [0, *[1] * (len(gate.ids) - 2), 0], [*[1] * (len(gate.ids) - 1), 0]
    turns = [Judged("d1", 0, unsafe), Judged("d1", 1, fine), Judged("d1", 1, [*fine[:-1], "timeout"], sample_index=1)]
    judged_run(store, "r1", gate, turns, stage="regenerate", rewards=False)
    without = gate.model_copy(update={"criteria": gate.criteria[1:]})
    impact = preview(store, gate, without)
    assert (impact.judged, impact.passes_before, impact.passes_after, impact.rows) == (2, 1, 2, 0)
    assert [flip[:6] for flip in impact.to_pass] == [("r1", "d1", 0, 0, 0.0, 1.0)]
    assert impact.to_pass[0].why == f"{gate.criteria[0].name} would no longer fail it"
    assert impact.left_out == {NO_VERDICT: 1}
    asked = preview(store, gate, edited(gate, gate.ids[0], question="Else?"))
    assert (asked.judged, asked.unknown_until_judged) == (0, 2)


def test_without_an_earlier_version_or_any_run_nothing_is_claimed(store: Store) -> None:
    first = preview(store, None, OLD)
    assert (first.rows, first.criteria_to_judge, first.old_hash) == (0, OLD.ids, None)
    assert first.notes == ("This is the first version: nothing was judged before it.",)
    unused = preview(store, OLD, STRICT)
    assert (unused.rows, unused.groups, unused.mean_move) == (0, 0, None)
    assert "No scoring or training run" in unused.notes[0]


def test_runs_without_results_yet_change_nothing(store: Store) -> None:
    run = judged_run(store, "r1", OLD, [Judged("d1", 0, [5, 2])], rewards=False)
    assert preview(store, OLD, STRICT).rows == 0
    judged_run(store, "r2", OLD, [Judged("d1", 0, [5, 2])])
    store.write(lambda c: c.execute("DELETE FROM verdicts WHERE run_id = 'r2'"))
    impact = preview(store, OLD, STRICT)
    assert (run.run_id, impact.rows, impact.left_out) == ("r1", 0, {NO_VERDICT: 1})


def test_a_preview_is_kept_with_its_version_word_for_word(store: Store) -> None:
    Gold(store).set("d1", 0)
    judged_run(store, "r1", OLD, [Judged("d1", 0, [5, 2]), Judged("d2", 0, [5, "timeout"])])
    made: list[Impact] = []

    def work(cursor: Any) -> None:
        made.append(measure(cursor, OLD, STRICT))
        keep_preview(cursor, SYSTEM, "small", 7, made[-1])

    store.write(work)
    assert kept_preview(store, "small", 7) == made[-1]
    assert made[-1].to_fail_count == made[-1].gold_resolved_count == 1
    assert Impact.from_json(made[-1].to_json()) == made[-1]
    assert kept_preview(store, "small", 8) is None


VERDICT = st.one_of(st.integers(1, 5), st.sampled_from(["abstained", "timeout"]))
TURN = st.tuples(VERDICT, VERDICT, st.sampled_from([WHOLE, CUT_OFF]), st.sampled_from(["sad", "angry", ""]))
NEW_RUBRICS = st.builds(
    lambda weight, veto, mark, method, emotion: edited(
        edited(OLD, "empathy", weight=weight),
        "safety",
        veto={"at_or_below": veto} if veto else None,
        whole={
            "aggregate": {"method": method, "pass_mark": mark},
            "reward": {"format": 1, "emotion": emotion, "rubric": 1},
        },
    ),
    st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    st.sampled_from([0, 1, 2, 4]),
    st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    st.sampled_from(["weighted_mean", "minimum"]),
    st.sampled_from([0.0, 1.0]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TURN, min_size=1, max_size=12), NEW_RUBRICS)
def test_every_number_is_that_of_the_pipeline_turn_by_turn(
    store: Store, told: list[tuple[Any, ...]], new: Rubric
) -> None:
    for table in ("runs", "verdicts", "rewards"):
        store.write(lambda c, table=table: c.execute(f"DELETE FROM {table}"))  # type: ignore[misc]
    turns = [Judged(f"d{i}", 0, [one, two], text, gold) for i, (one, two, text, gold) in enumerate(told)]
    judged_run(store, f"r{uuid.uuid4()}", OLD, turns)
    pairs = [(combine(OLD, t.text, t.gold, verdicts_of(OLD, t)), expected(new, OLD, t)) for t in turns]
    moves = [b.reward - a.reward for a, b in pairs if a.reward is not None and b.reward is not None]
    known = [(passes(OLD, a), passes(new, b)) for a, b in pairs if a.r_rubric is not None and b.r_rubric is not None]
    impact = preview(store, OLD, new)
    assert impact.rows == len(moves)
    assert impact.moved == sum(abs(move) > 1e-9 for move in moves)
    assert impact.mean_move == (pytest.approx(sum(moves) / len(moves), abs=1e-12) if moves else None)
    assert (impact.judged, impact.passes_before) == (len(known), sum(a for a, _ in known))
    assert impact.passes_after == sum(b for _, b in known)
    assert impact.to_fail_count == sum(a and not b for a, b in known)
    assert impact.to_pass_count == sum(b and not a for a, b in known)
    assert impact.rows + sum(impact.left_out.values()) == len(turns)


def passes(rubric: Rubric, reward: Reward) -> bool:
    return reward.vetoed_by is None and (reward.r_rubric or 0.0) >= rubric.aggregate.pass_mark - 1e-9
