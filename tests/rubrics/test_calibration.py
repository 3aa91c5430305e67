"""A judge against people: published agreement, scikit-learn and scipy on the same columns, known truths, counts."""

import ast
import csv
import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from rubrics.calibration.agreeing import rank_correlation
from rubrics.calibration.corrected import _isotonic, cross_fitted, prediction_powered
from rubrics.calibration.fault import Fault, fault_of
from rubrics.calibration.figures import Calibrated, calibrate
from rubrics.calibration.paired import Paired, consensus
from rubrics.calibration.rates import rate
from rubrics.schema import Criterion

FLAG = Fault(1, is_high=True)
EXPERTS = ("expert1", "expert2", "expert3")
FOLDERS = {
    "Empathetic Dialogues": "empatheticdialogues",
    "EPITOME": "epitome",
    "Perceived Empathy": "perceived_empathy",
}


def paired(judge: Any, people: Any, scale: tuple[int, int] = (0, 1), fault: Fault | None = FLAG, **more: Any) -> Paired:
    judge = np.asarray(judge, dtype=float)
    people = np.asarray(people, dtype=float).reshape(len(judge), -1)
    told: dict[str, Any] = {
        "gold": np.full(len(judge), np.nan),
        "clusters": np.arange(len(judge)),
        "words": np.arange(len(judge), dtype=float),
    }
    return Paired("c", scale, fault, judge, people, **{**told, **more})


def rated(data: Path, dataset: str, dimension: str, who: str) -> pd.Series:
    frame = pd.read_csv(data / "empathy_experts" / "ratings" / FOLDERS[dataset] / f"{who}_ratings.csv")
    return frame.set_index(frame.columns[0])[dimension]


def test_a_model_against_three_experts_is_as_published_in_all_fifteen_dimensions(shared_data: Path) -> None:
    """The authors' "llm" is Gemini, held against the median of the experts: kappa and Spearman to their two digits.

    In one dimension nobody used a level in the middle, and the authors' kappa takes its neighbours for one step apart.
    """
    published = pd.read_csv(shared_data / "empathy_experts" / "published_pair_agreement.csv")
    rows = published[published["Annotator Pair"] == "('experts', 'llm')"].to_dict("records")
    assert len(rows) == 15
    skipping = []
    for row in rows:
        of = (shared_data, row["Dataset"], row["Dimension"])
        experts = pd.concat([rated(*of, who) for who in EXPERTS], axis=1)
        model = rated(*of, "gemini").reindex(experts.index)
        low, high = int(min(experts.min().min(), model.min())), int(max(experts.max().max(), model.max()))
        found = calibrate(paired(model, experts, (low, high), None), draws=200)
        middle = experts.median(axis=1)
        levels = list(range(low, high + 1))
        told = [cohen_kappa_score(middle, model, labels=one, weights="quadratic") for one in (levels, None)]
        assert found.agreement.value == pytest.approx(told[0], abs=1e-12)
        assert round(told[1], 2) == row["Weighted Cohen's Kappa"]
        skipping += [row["Dimension"]] if round(found.agreement.value, 2) != row["Weighted Cohen's Kappa"] else []
        assert found.agreement.low < found.agreement.value < found.agreement.high
        ranks = rank_correlation(model.to_numpy(float), middle.to_numpy(), np.arange(len(model)))
        assert round(ranks.value, 2) == row["Spearman Correlation"], row
    assert skipping == ["fluency"]


RATED = ("Guidance", "Informativeness", "Relevance", "Safety", "Empathy", "Helpfulness", "Understanding")


def read_judge(data: Path, judge: str) -> pd.DataFrame:
    """Scores by plain-eyed pattern, null where the reply shows none: the pipeline's reader has its own tests."""
    rows = []
    with gzip.open(data / "mentalalign" / f"judge_raw_{judge}.csv.gz", "rt", encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            found = {name: re.search(rf'"{name}"\s*:\s*([1-5])\b', row["raw_output"]) for name in RATED}
            rows.append({**row, **{name: float(hit[1]) if hit else None for name, hit in found.items()}})
    return pd.DataFrame(rows).assign(conv_id=lambda frame: frame["conv_id"].astype(int))


@pytest.mark.parametrize("judge", ["claude", "gemini", "gpt-4o", "o4-mini"])
def test_four_judges_of_seven_thousand_replies_equal_scikit_learn(shared_data: Path, judge: str) -> None:
    people = pd.read_csv(shared_data / "mentalalign" / "human_ratings.csv.gz")
    both = people.merge(read_judge(shared_data, judge), on=["conv_id", "response_model"], suffixes=("", "_judge"))
    assert len(both) == 7000
    for name in RATED:
        given = both[name].where(both[name].between(1, 5)).to_numpy(float)  # blanks, and sixes on a scale of five
        told = both[f"{name}_judge"].to_numpy(float)
        failed = {"parse_failed": int(np.isnan(told).sum())}
        clusters = both["conv_id"].to_numpy()
        one = paired(told, given, (1, 5), Fault(1, False), clusters=clusters, words=np.ones(len(told)), failed=failed)
        found = calibrate(one, draws=50)
        known = np.isfinite(given) & np.isfinite(told)
        assert (found.labels, found.by_one, found.judged) == (known.sum(), known.sum(), 7000)
        assert found.agreement.value == pytest.approx(
            cohen_kappa_score(given[known], told[known], labels=[1, 2, 3, 4, 5], weights="quadratic"), abs=1e-12
        )
        matrix = confusion_matrix(given[known], told[known], labels=[1, 2, 3, 4, 5])
        assert np.array(found.confusion).tolist() == matrix.tolist()
        assert found.difference.value == pytest.approx((told - given)[known].mean())
        assert (found.missed.hits, found.missed.of) == (matrix[0, 1:].sum(), matrix[0].sum())
        assert (found.false_alarms.hits, found.false_alarms.of) == (matrix[1:, 0].sum(), matrix[1:].sum())
        assert found.length.value is None, "every response is as long as every other here"
        assert found.ceiling.agreement.value is None
        # Judges are lenient throughout; a map learnt on other conversations brings single scores nearer to people's.
        assert found.corrected.mapped.value < found.corrected.distance.value
    assert found.difference.low < found.difference.value < found.difference.high


def test_criteria_of_doctors_are_faults_where_met_points_take_away(shared_data: Path) -> None:
    """A judge that turns every third verdict of the file round misses and invents what plain counting says."""
    with gzip.open(shared_data / "healthbench_sample" / "healthbench_judged_70.jsonl.gz", "rt") as handle:
        items = [json.loads(line) for line in handle]
    graded = [one for item in items for one in ast.literal_eval(item["responses"])]
    told = [(float(one["points"]), bool(one["response_dict"]["criteria_met"])) for one in graded]
    assert len(told) == 781
    for sign in (-1, 1):
        met = np.array([is_met for points, is_met in told if points * sign > 0], dtype=float)
        told_of = {"id": "a", "name": "A", "question": "Q?", "kind": "points", "points": sign}
        criterion = Criterion.model_validate(told_of)
        judge = np.where(np.arange(len(met)) % 3 == 0, 1 - met, met)
        found = calibrate(paired(judge, met, fault=fault_of(criterion, "score")), draws=50)
        fault = 1 if sign < 0 else 0
        is_fault, turned = met == fault, np.arange(len(met)) % 3 == 0
        assert (found.missed.hits, found.missed.of) == ((is_fault & turned).sum(), is_fault.sum())
        assert (found.false_alarms.hits, found.false_alarms.of) == ((~is_fault & turned).sum(), (~is_fault).sum())


def test_what_counts_as_the_fault() -> None:
    anchors = {1: "low", 5: "high"}
    told = {"id": "s", "name": "S", "question": "Q?"}
    scale = Criterion.model_validate({**told, "anchors": anchors})
    assert fault_of(scale, "score") is None
    assert fault_of(scale.model_copy(update={"severity": "red"}), "score") == Fault(1, False)
    vetoing = Criterion.model_validate({**told, "anchors": anchors, "veto": {"at_or_below": 2}})
    assert fault_of(vetoing, "score") == Fault(2, False)
    flag = Criterion.model_validate({**told, "kind": "binary"})
    assert fault_of(flag, "flags") == Fault(1, True)
    assert fault_of(flag, "score") == Fault(0, False)


def test_people_are_heard_by_their_median_the_lower_of_two_and_a_split_is_no_label() -> None:
    nan = np.nan
    scores = np.array([[3, 4, nan], [2, 2, 5], [nan, nan, nan], [1, nan, nan]], dtype=float)
    np.testing.assert_array_equal(consensus(scores, (1, 5)), [3, 2, nan, 1])
    np.testing.assert_array_equal(consensus(np.array([[0.0, 1.0], [1, 1]]), (0, 1)), [nan, 1])


def test_misses_and_false_alarms_stand_apart_with_their_counts_and_gold_goes_before_people() -> None:
    truth = [1] * 10 + [0] * 20
    judge = [1] * 7 + [0] * 3 + [1] * 4 + [0] * 16
    found = calibrate(paired(judge, [0] * 30, gold=np.array(truth, dtype=float)))
    assert (found.missed.hits, found.missed.of, found.missed.value) == (3, 10, 0.3)
    assert (found.false_alarms.hits, found.false_alarms.of) == (4, 20)
    # Wilson (1927) for 3 of 10 at 95 %, from his formula with z = 1.95996.
    assert found.missed.low == pytest.approx(0.10779, abs=1e-5)
    assert found.missed.high == pytest.approx(0.60322, abs=1e-5)
    assert (found.by_gold, found.by_several, found.by_one) == (30, 0, 0)
    assert found.confusion == ((16, 4), (3, 7))


def test_what_cannot_be_known_says_why_and_is_no_number() -> None:
    nothing = calibrate(paired([np.nan] * 4, [[1], [0], [1], [0]], failed={"timeout": 4}))
    assert (nothing.labels, nothing.judged, dict(nothing.failed)) == (0, 4, {"timeout": 4})
    for measure in (nothing.agreement, nothing.same, nothing.difference, nothing.length, nothing.corrected.mean):
        assert measure.value is None
        assert measure.why
    assert (nothing.missed.value, nothing.missed.why) == (None, "no turn has both a score and a label")
    clean = calibrate(paired([0] * 8, [0] * 8))
    assert clean.missed.value is None
    assert "no such fault" in clean.missed.why
    assert clean.agreement.value is None
    assert clean.false_alarms.value == 0.0
    assert rate(0, 0, "none").value is None


def test_the_human_ceiling_holds_each_person_against_the_others() -> None:
    people = np.array([[1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, np.nan], [1, np.nan, np.nan]], dtype=float)
    found = calibrate(paired([0] * 6, people)).ceiling
    # By hand: of the others' verdicts only those that are not split count.
    pairs = [(0, 1), (0, 0), (0, 0), (0, 0), (1, 1), (1, 1), (1, 1), (1, 0), (0, 0), (0, 0)]
    assert (found.pairs, found.raters) == (len(pairs), 3)
    own, others = zip(*pairs, strict=True)
    assert found.agreement.value == pytest.approx(cohen_kappa_score(own, others))
    assert (found.missed.hits, found.missed.of) == (1, 4)
    assert (found.false_alarms.hits, found.false_alarms.of) == (1, 6)


def test_length_goes_with_the_score_as_scipy_says() -> None:
    generator = np.random.default_rng(3)
    words = generator.integers(5, 200, 80).astype(float)
    judge = np.clip(np.round(words / 50 + generator.normal(0, 1, 80)), 1, 5)
    people = generator.integers(1, 6, 80).astype(float)
    found = calibrate(paired(judge, people, (1, 5), None, words=words))
    assert found.length.value == pytest.approx(spearmanr(judge, words).statistic)
    assert found.length_people.value == pytest.approx(spearmanr(people, words).statistic)


def drawn(generator: np.random.Generator, dialogues: int, labelled: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A judge who is lenient by most of a step and noisy, five turns a dialogue; the first dialogues are labelled."""
    clusters = np.repeat(np.arange(dialogues), 5)
    mood = generator.normal(0, 0.7, dialogues)[clusters]
    truth = np.clip(np.round(3 + mood + generator.normal(0, 0.8, len(clusters))), 1, 5)
    judge = np.clip(np.round(truth + 0.8 + generator.normal(0, 0.6, len(clusters))), 1, 5)
    return judge, np.where(clusters < labelled, truth, np.nan), clusters


def test_the_corrected_mean_covers_the_truth_and_is_nearer_than_labels_or_judge_alone() -> None:
    generator = np.random.default_rng(11)
    everywhere = drawn(generator, 40_000, 40_000)[1].mean()
    covered, off, off_judge, off_labels = 0, [], [], []
    for _ in range(200):
        judge, truth, clusters = drawn(generator, 200, 40)
        found = prediction_powered(judge, truth, clusters, draws=200)
        covered += found.low <= everywhere <= found.high
        off.append(abs(found.value - everywhere))
        off_judge.append(abs(judge.mean() - everywhere))
        off_labels.append(abs(np.nanmean(truth) - everywhere))
    assert 176 <= covered <= 199, "95 % intervals, within what 200 draws allow"
    assert np.mean(off) < np.mean(off_labels) < np.mean(off_judge)


def test_the_share_of_faults_is_found_again_from_the_rates_of_a_poor_judge() -> None:
    generator = np.random.default_rng(5)
    truth = (generator.random(20_000) < 0.1).astype(float)
    judge = np.where(truth == 1, generator.random(20_000) < 0.7, generator.random(20_000) < 0.2).astype(float)
    people = np.where(np.arange(20_000) < 4_000, truth, np.nan)
    found = calibrate(paired(judge, people, clusters=np.arange(20_000) // 5), draws=200).corrected
    assert found.is_share
    assert (found.labels, found.judged) == (4_000, 20_000)
    assert found.judge.value == pytest.approx(0.25, abs=0.01)
    assert found.rogan_gladen.low < 0.1 < found.rogan_gladen.high
    assert found.mean.value == pytest.approx(truth.mean(), abs=0.01)
    blind = calibrate(paired([0, 0, 1, 1], [1, 1, 0, 0])).corrected.rogan_gladen
    assert blind.value is None


def test_the_map_is_scikit_learns_isotonic_regression_and_never_saw_the_dialogue() -> None:
    generator = np.random.default_rng(8)
    judge, truth, clusters = drawn(generator, 60, 60)
    levels, means = _isotonic(judge, truth)
    peer = IsotonicRegression(out_of_bounds="clip").fit(judge, truth)
    np.testing.assert_allclose(means, peer.predict(levels))
    # Truth that hangs on the dialogue alone cannot be learnt from other dialogues.
    noise = np.repeat(generator.integers(1, 6, 60), 5).astype(float)
    assert abs(np.corrcoef(cross_fitted(noise * 0 + judge, noise, clusters), noise)[0, 1]) < 0.3
    few: Calibrated = calibrate(paired(judge[:10], truth[:10], (1, 5), None, clusters=clusters[:10]))
    assert few.corrected.mapped.value is None
    assert "too few for a map" in few.corrected.mapped.why


def test_a_panel_between_two_scores_is_taken_for_the_lower_one() -> None:
    found = calibrate(paired([3.5, 1.5, 5.0], [[3], [1], [5]], (1, 5), None))
    assert found.agreement.value == 1.0
    assert [found.confusion[level][level] for level in (0, 2, 4)] == [1, 1, 1]
    assert found.difference.value == pytest.approx(1 / 3)


def test_a_score_beyond_the_scale_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="none of 1, 2, 3, 4, 5"):
        calibrate(paired([6, 1], [1, 1], (1, 5), None))
