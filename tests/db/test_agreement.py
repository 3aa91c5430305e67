"""Ratings and figures of agreement: small stores counted by hand; statsmodels and scikit-learn on the same matrix."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from db import agreement, audits
from db.agreement import ANY, flag_ratings, flag_table, people_and_judges, score_ratings
from db.agreement_diagnosis import diagnosis
from db.agreement_figures import flag_figures, gold_figures, long, score_figures
from db.people import SYSTEM, Person
from db.rubric_versions import import_version, version
from db.store import Store
from rubrics.load import rubric_from
from rubrics.reliability import dawid_skene, fleiss_kappa, pairwise
from tests.db.audit_people import Auditor, audited_store, flags_rubric
from tests.db.impact_stores import Judged, judged_run

MISSING = np.nan
ADMIN = Person("admin", "Admin", ("admin",))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = audited_store(tmp_path)
    yield opened
    opened.close()


def second_version(store: Store, *ids: str) -> None:
    import_version(store, SYSTEM, rubric_from(flags_rubric(*ids)), "")


def test_an_unflagged_turn_is_a_real_zero_where_the_dialogue_is_finished_and_missing_where_not(store: Store) -> None:
    Auditor(store, "ann").flag("d0", 1).finish("d0", "d1")
    Auditor(store, "bob").flag("d0", 1).flag("d0", 2).finish("d0").flag("d1", 0)
    found = flag_ratings(store, "unsafe", 1, "F1")
    assert found.raters == ("ann", "bob")
    expected = [[0, 0], [1, 1], [0, 1], [0, MISSING], [0, MISSING], [0, MISSING]]
    np.testing.assert_array_equal(found.values, expected)
    assert found.clusters.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.versions == (1,)


def test_severity_is_three_steps_and_any_flag_takes_the_severest(store: Store) -> None:
    ann = Auditor(store, "ann").flag("d0", 0, "F1", "yellow").flag("d0", 0, "F2", "red").flag("d0", 1, "F1", "none")
    ann.finish("d0")
    table = flag_table(store, "unsafe", 1)
    assert table.ratings("F1", "severity").values.ravel().tolist() == [1, 0, 0]
    assert table.ratings("F1").values.ravel().tolist() == [1, 1, 0]
    assert table.ratings(ANY, "severity").values.ravel().tolist() == [2, 0, 0]
    assert table.ratings("F2").values.ravel().tolist() == [1, 0, 0]


def test_gold_is_no_rater_and_a_flag_taken_back_is_none(store: Store) -> None:
    ann, paula = Auditor(store, "ann"), Auditor(store, "paula")
    ann.flag("d0", 0).finish("d0")
    audits.unflag(store, ann.me, "d0", 0, "F1", "back")
    paula.flag("d0", 0, is_gold=True).finish("d0", is_gold=True)
    found = flag_ratings(store, "unsafe", 1, "F1")
    assert found.raters == ("ann",)
    assert found.values.ravel().tolist() == [0, 0, 0]


def test_only_the_people_and_versions_asked_for_and_several_versions_say_so(store: Store) -> None:
    second_version(store, "F1", "F3")
    Auditor(store, "ann").flag("d0", 0).finish("d0")
    Auditor(store, "bob").flag("d0", 0, rubric_version=2).finish("d0", version=2)
    Auditor(store, "cat").finish("d0")
    assert flag_ratings(store, "unsafe", 1, "F1").raters == ("ann", "cat")
    assert flag_ratings(store, "unsafe", 1, "F1", people=["cat"]).raters == ("cat",)
    both = flag_ratings(store, "unsafe", (1, 2), "F1")
    assert both.versions == (1, 2)
    assert "versions 1, 2" in both.pooled_warning
    assert "versions 1, 2" in flag_figures(flag_table(store, "unsafe", (1, 2)), "F1", draws=10).warning
    assert flag_ratings(store, "unsafe", 1, "F1").pooled_warning == ""


def test_whoever_finished_by_a_version_without_the_code_could_not_set_it(store: Store) -> None:
    second_version(store, "F1", "F3")
    Auditor(store, "ann").finish("d0")
    Auditor(store, "bob").finish("d0", version=2)
    found = flag_ratings(store, "unsafe", (1, 2), "F3")
    np.testing.assert_array_equal(found.values, [[MISSING, 0]] * 3)
    assert found.versions == (2,)
    assert found.pooled_warning == ""


def random_marks(store: Store, names: tuple[str, ...], seed: int) -> np.ndarray:
    """Everybody finishes everything; the matrix of F1 that they set, turns × people."""
    generator = np.random.default_rng(seed)
    hard = generator.random(18)
    matrix = (generator.random((18, len(names))) < hard[:, None]).astype(float)
    for column, name in enumerate(names):
        auditor = Auditor(store, name).finish(*(f"d{n}" for n in range(6)))
        for row in np.flatnonzero(matrix[:, column]):
            auditor.flag(f"d{row // 3}", int(row % 3))
    return matrix


def test_the_figures_of_a_full_matrix_equal_statsmodels_scikit_learns_and_the_definitions(store: Store) -> None:
    matrix = random_marks(store, ("ann", "bob", "cat"), seed=4)
    ratings = flag_ratings(store, "unsafe", 1, "F1")
    np.testing.assert_array_equal(ratings.values, matrix)
    fleiss = inter_rater.fleiss_kappa(inter_rater.aggregate_raters(matrix)[0])
    assert fleiss_kappa(ratings).value == pytest.approx(fleiss, abs=1e-12)
    for pair in pairwise(ratings):
        columns = [ratings.raters.index(one) for one in (pair.first, pair.second)]
        assert pair.kappa == pytest.approx(cohen_kappa_score(*matrix[:, columns].T), abs=1e-12)
    found = flag_figures(flag_table(store, "unsafe", 1), "F1")
    assert found.kappa.value == pytest.approx(fleiss, abs=1e-12)
    flagged = matrix.sum(axis=1)
    assert found.present.value == pytest.approx((flagged * (flagged - 1)).sum() / (flagged * 2).sum())
    assert found.absent.value == pytest.approx(((3 - flagged) * (2 - flagged)).sum() / ((3 - flagged) * 2).sum())
    assert found.prevalence.value == pytest.approx(matrix.mean())
    assert (found.flagged, found.ratings, found.raters) == (int(matrix.sum()), 54, 3)
    for measure in (found.alpha, found.ac, found.present, found.absent, found.prevalence):
        assert measure.low is not None
        assert measure.high is not None
        assert measure.value is not None
        assert measure.low <= measure.value <= measure.high
        assert measure.clusters == 6


def test_what_is_undefined_says_why_and_is_no_number(store: Store) -> None:
    for name in ("ann", "bob"):
        Auditor(store, name).finish("d0", "d1")
    found = flag_figures(flag_table(store, "unsafe", 1), "F1")
    assert (found.alpha.value, found.ac.value, found.present.value) == (None, None, None)
    assert "nobody gave 1" in found.present.why
    assert found.absent.value == 1.0
    assert found.absent.low is None
    assert "too few" in found.absent.why
    assert found.prevalence.value == 0.0
    assert found.prevalence.low is None


def test_nobody_finished_anything(store: Store) -> None:
    table = flag_table(store, "unsafe", 1)
    assert table.raters == ()
    found = flag_figures(table, "F1", draws=10)
    for measure in (found.alpha, found.ac, found.present, found.absent, found.prevalence):
        assert measure.value is None
        assert measure.why
    assert diagnosis(store, ADMIN, "unsafe", 1, "F1").empty
    assert score_figures(score_ratings(store, "warmth", 1, "warm"), draws=10).alpha.value is None
    assert agreement.worked(store).empty


def test_scores_are_ratings_as_soon_as_they_are_given(store: Store) -> None:
    ann, bob = Auditor(store, "ann"), Auditor(store, "bob")
    for dialogue, first, second in (("d0", 1, 2), ("d1", 4, 4), ("d2", 5, 3)):
        ann.score(dialogue, 0, first)
        bob.score(dialogue, 0, second)
    ann.score("d3", 1, 2)
    found = score_ratings(store, "warmth", 1, "warm")
    np.testing.assert_array_equal(found.values, [[1, 2], [4, 4], [5, 3], [2, MISSING]])
    assert found.clusters.tolist() == [0, 1, 2, 3]
    weighted = cohen_kappa_score([1, 4, 5], [2, 4, 3], weights="quadratic", labels=[1, 2, 3, 4, 5])
    assert pairwise(found, "quadratic")[0].kappa == pytest.approx(weighted)
    figures = score_figures(found, draws=10)
    assert figures.single.units == 3
    # Krippendorff's alpha by hand: of 6 values, squares of differences within turns and among all of them.
    assert figures.by_steps.value == pytest.approx(1 - (10 / 6) / (130 / 30))


def judge(store: Store, run_id: str, rubric_id: str, turns: list[Judged]) -> None:
    judged_run(store, run_id, version(store, rubric_id, 1).rubric, turns, rewards=False)


def test_a_judge_is_one_more_rater_only_when_asked_for_and_named_a_machine(store: Store) -> None:
    for name in ("ann", "bob"):
        Auditor(store, name).flag("d0", 0).finish("d0")
    judge(store, "20261123-091200-score-aa", "unsafe", [Judged("d0", 0, (1, 0)), Judged("d0", 1, ("timeout", 0))])
    judge(store, "20261123-091200-score-bb", "unsafe", [Judged("d1", 0, (1, 1))])
    assert flag_ratings(store, "unsafe", 1, "F1").raters == ("ann", "bob")
    found = people_and_judges(store, flag_table(store, "unsafe", 1), "unsafe", 1, "F1")
    assert found.raters == ("ann", "bob", "judge: j/m")
    np.testing.assert_array_equal(found.values, [[1, 1, 1], [0, 0, MISSING], [0, 0, MISSING]])


def test_a_judges_scores_stand_beside_those_of_people_on_the_same_turns(store: Store) -> None:
    Auditor(store, "ann").score("d0", 0, 3)
    judge(store, "20261123-091200-score-aa", "warmth", [Judged("d0", 0, (4,)), Judged("d5", 0, (5,))])
    found = score_ratings(store, "warmth", 1, "warm", judges=True)
    assert found.raters == ("ann", "judge: j/m")
    assert found.values.tolist() == [[3, 4]]
    assert score_ratings(store, "warmth", 1, "warm").raters == ("ann",)


def test_the_diagnosis_tells_each_rating_and_why_it_was_used_or_not(store: Store) -> None:
    second_version(store, "F1", "F3")
    Auditor(store, "ann").flag("d0", 0).finish("d0", "d1")
    Auditor(store, "bob").finish("d0").flag("d1", 2)
    Auditor(store, "cat").finish("d0", version=2)
    judge(store, "20261123-091200-score-aa", "unsafe", [Judged("d0", 0, (1, 0)), Judged("d0", 1, ("timeout", 0))])
    frame = diagnosis(store, ADMIN, "unsafe", 1, "F1")
    told = {(r.dialogue_id, r.turn_index, r.rater): r for r in frame.itertuples()}
    assert len(told) == len(frame) == 2 * 3 * 3 + 2

    def of(*place: Any) -> tuple[Any, ...]:
        row = told[place]
        return (None if row.value != row.value else row.value, bool(row.used), row.why)

    assert of("d0", 0, "ann") == (1, True, "used")
    assert of("d0", 0, "bob") == (0, True, "used")
    assert of("d0", 0, "cat") == (0, False, "finished by version 2, which was not asked for")
    assert of("d1", 0, "ann") == (0, False, "nobody else rated this turn")
    assert of("d1", 0, "bob") == (None, False, "did not finish the dialogue")
    assert of("d1", 2, "bob") == (None, False, "flagged here, but did not finish the dialogue")
    assert of("d0", 0, "judge: j/m") == (1, False, "a machine: shown beside people, in no figure about them")
    assert of("d0", 1, "judge: j/m") == (None, False, "gave no score: timeout")
    assert diagnosis(store, ADMIN, "unsafe", 1, "F1", people=["ann"]).query("rater == 'bob' and dialogue_id == 'd0'")[
        "why"
    ].unique().tolist() == ["was not chosen"]
    assert "version 1 has no such code" in set(diagnosis(store, ADMIN, "unsafe", 1, "F3")["why"])


def test_what_the_diagnosis_calls_used_is_what_the_figures_rest_on(store: Store) -> None:
    random_marks(store, ("ann", "bob"), seed=9)
    Auditor(store, "cat").finish("d0")
    frame = diagnosis(store, ADMIN, "unsafe", 1, "F1")
    found = flag_figures(flag_table(store, "unsafe", 1), "F1", draws=10)
    assert int(frame["used"].sum()) == found.alpha.ratings
    assert frame[frame["used"]]["value"].sum() == found.flagged


def test_the_diagnosis_of_scores(store: Store) -> None:
    Auditor(store, "ann").score("d0", 0, 3).score("d1", 0, 2)
    Auditor(store, "bob").score("d0", 0, 4)
    frame = diagnosis(store, ADMIN, "warmth", 1, "warm", level=None)
    assert frame["why"].tolist() == ["used", "used", "nobody else rated this turn", "gave no score"]
    assert frame["value"].tolist()[:3] == [3, 4, 2]


def test_people_beside_gold_are_counted_only_where_both_looked(store: Store) -> None:
    Auditor(store, "ann").flag("d0", 0).flag("d0", 1).finish("d0", "d1")
    Auditor(store, "bob").finish("d0")
    paula = Auditor(store, "paula").flag("d0", 0, is_gold=True).flag("d0", 2, is_gold=True).finish("d0", is_gold=True)
    paula.flag("d1", 1, is_gold=True)
    found = gold_figures(store, flag_table(store, "unsafe", 1), "unsafe", "F1")
    # Gold flags d0/0, d0/2 (two people looked) and d1/1 (ann alone): ann found one of three, bob none of two.
    assert (found.hits, found.gold) == (1, 5)
    # Gold finished d0 alone, so of its turns only d0/1 is known to be clear: ann flagged it, bob did not.
    assert (found.false_alarms, found.clear) == (1, 2)
    own = gold_figures(store, flag_table(store, "unsafe", 1), "unsafe", "F1", ["bob"])
    assert (own.hits, own.gold, own.false_alarms, own.clear) == (0, 2, 0, 1)
    # Without d0 there is d1 alone, of which gold knows one turn.
    rest = gold_figures(store, flag_table(store, "unsafe", 1), "unsafe", "F1", without=["d0", "nowhere"])
    assert (rest.hits, rest.gold, rest.false_alarms, rest.clear) == (0, 1, 0, 0)


def test_who_uses_a_code_differently_is_found_among_people_who_agree(store: Store) -> None:
    generator = np.random.default_rng(2)
    truth = generator.random(18) < 0.5
    for name in ("ann", "bob", "cat"):
        auditor = Auditor(store, name).finish(*(f"d{n}" for n in range(6)))
        for row in np.flatnonzero(truth if name != "cat" else np.ones(18, dtype=bool)):
            auditor.flag(f"d{row // 3}", int(row % 3))
    estimate = dawid_skene(long(flag_ratings(store, "unsafe", 1, "F1")))
    errors = {str(rater): estimate.errors[place] for place, rater in enumerate(estimate.raters)}
    assert errors["ann"][0, 1] == pytest.approx(0, abs=1e-3)
    assert errors["cat"][0, 1] == pytest.approx(1, abs=1e-3)
