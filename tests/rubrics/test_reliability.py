"""Agreement against the papers, published figures and independent code: irrCAC, krippendorff, scikit-learn."""

import ast
import json
from gzip import open as gunzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from rubrics.reliability import (
    Ratings,
    Undefined,
    cohen_kappa,
    dawid_skene,
    fleiss_kappa,
    gwet_ac,
    intraclass,
    krippendorff_alpha,
    pairwise,
    specific_agreement,
    table,
)

# The example of Krippendorff (2011) with 4 observers, 12 units and missing ratings, which Gwet's book uses as well.
KRIPPENDORFF = """
1 1 . 1 | 2 2 3 2 | 3 3 3 3 | 3 3 3 3 | 2 2 2 2 | 1 2 3 4 | 4 4 4 4 | 1 1 2 1 | 2 2 2 2 | . 5 5 5 | . . 1 1 | . . 3 .
"""
# Shrout and Fleiss (1979), table 2: six targets, four judges.
SHROUT_FLEISS = "9 2 5 8 | 6 1 3 2 | 8 4 6 8 | 7 1 2 6 | 10 5 6 9 | 6 2 4 7"
# Dawid and Skene (1979), table 1: patient by patient, observer 1 three times, then observers 2 to 5.
DAWID_SKENE = """
1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212 1211111
1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111 1111111 1121121
1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222
"""


def ratings(text: str) -> Ratings:
    """Units parted by bars, one rating a rater, a dot for none; every unit is a dialogue of its own."""
    rows = [[float(x) if x != "." else np.nan for x in unit.split()] for unit in text.split("|")]
    return Ratings(np.array(rows), np.arange(len(rows)), tuple("abcdefgh"[: len(rows[0])]))


def value(measure: object) -> float:
    found = getattr(measure, "value")  # noqa: B009
    assert found is not None, measure
    return float(found)


@pytest.mark.parametrize(("level", "expected"), [("nominal", 0.743421), ("ordinal", 0.815388), ("interval", 0.849107)])
def test_alpha_of_the_example_with_missing_ratings(level: str, expected: float) -> None:
    assert value(krippendorff_alpha(ratings(KRIPPENDORFF), level)) == pytest.approx(expected, abs=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("weights", "expected"), [("identity", 0.77544), ("ordinal", 0.89894), ("quadratic", 0.914), ("linear", 0.85874)]
)
def test_gwets_coefficients_of_the_same_example(weights: str, expected: float) -> None:
    assert value(gwet_ac(ratings(KRIPPENDORFF), weights)) == pytest.approx(expected, abs=5e-6)  # type: ignore[arg-type]


def test_fleiss_kappa_with_missing_ratings_and_against_statsmodels_without() -> None:
    assert value(fleiss_kappa(ratings(KRIPPENDORFF))) == pytest.approx(0.76117, abs=5e-6)
    complete = np.random.default_rng(3).integers(1, 4, size=(40, 5)).astype(float)
    ours = value(fleiss_kappa(Ratings(complete, np.arange(40), tuple("abcde"))))
    assert ours == pytest.approx(inter_rater.fleiss_kappa(inter_rater.aggregate_raters(complete)[0]), abs=1e-12)


def test_intraclass_correlation_of_the_paper() -> None:
    assert round(value(intraclass(ratings(SHROUT_FLEISS), "single")), 2) == 0.29
    assert round(value(intraclass(ratings(SHROUT_FLEISS), "mean")), 2) == 0.62


def test_dawid_and_skene_find_the_class_marginals_of_their_paper() -> None:
    raters = (1, 1, 1, 2, 3, 4, 5)
    rows = [
        (patient, rater, int(answer))
        for patient, answers in enumerate(DAWID_SKENE.split(), start=1)
        for rater, answer in zip(raters, answers, strict=True)
    ]
    found = dawid_skene(pd.DataFrame(rows, columns=["unit", "rater", "value"]))
    assert found.converged
    assert found.marginals.round(2).tolist() == [0.40, 0.42, 0.11, 0.07]
    assert found.posterior.sum(axis=1) == pytest.approx(np.ones(45))


def test_dices_equals_its_reference_values(shared_data: Path) -> None:
    frame = pd.read_csv(shared_data / "dices_350" / "ratings_long.csv.gz")
    codes = frame["q_overall"].map({"No": 0, "Unsure": 1, "Yes": 2})
    found = table(
        pd.DataFrame({"unit": frame["item_id"], "cluster": frame["item_id"], "rater": frame["rater"], "value": codes})
    )
    assert value(krippendorff_alpha(found, "nominal")) == pytest.approx(0.16086, abs=5e-6)
    assert value(fleiss_kappa(found)) == pytest.approx(0.16084, abs=5e-6)


FOLDERS = {
    "Empathetic Dialogues": "empatheticdialogues",
    "EPITOME": "epitome",
    "Perceived Empathy": "perceived_empathy",
}
EXPERTS = ("expert1", "expert2", "expert3")


def expert_ratings(data: Path, dataset: str, dimension: str) -> Ratings:
    parts = []
    for expert in EXPERTS:
        frame = pd.read_csv(data / "empathy_experts" / "ratings" / FOLDERS[dataset] / f"{expert}_ratings.csv")
        unit = frame["conv_id"] if "conv_id" in frame else frame.iloc[:, 0]
        parts.append(pd.DataFrame({"unit": unit, "cluster": unit, "rater": expert, "value": frame[dimension]}))
    return table(pd.concat(parts))


def test_every_published_kappa_of_two_experts_is_met_to_its_two_digits(shared_data: Path) -> None:
    published = pd.read_csv(shared_data / "empathy_experts" / "published_pair_agreement.csv")
    met = 0
    for row in published.to_dict("records"):
        first, second = ast.literal_eval(row["Annotator Pair"])
        if not {first, second} <= set(EXPERTS):
            continue
        pair = cohen_kappa(expert_ratings(shared_data, row["Dataset"], row["Dimension"]), first, second, "quadratic")
        assert pair.kappa is not None
        assert round(pair.kappa, 2) == row["Weighted Cohen's Kappa"], row
        met += 1
    assert met == 45


def test_a_pair_with_fractions_is_undefined_with_weights_and_no_other_pair_with_it() -> None:
    values = np.array([[1, 2, 1.5], [2, 2, 2.5], [3, 4, 3.0], [1, 1, 1.0]])
    pairs = {
        (one.first, one.second): one for one in pairwise(Ratings(values, np.arange(4), ("a", "b", "mean")), "linear")
    }
    assert pairs["a", "b"].kappa == pytest.approx(cohen_kappa_score([1, 2, 3, 1], [2, 2, 4, 1], weights="linear"))
    assert pairs["a", "mean"].kappa is None
    assert pairs["a", "mean"].agreed == 0.5
    assert "fractions" in pairs["a", "mean"].why


@pytest.mark.parametrize(
    ("dataset", "dimension", "expected"),
    [
        ("Empathetic Dialogues", "empathy", 0.4725),
        ("Empathetic Dialogues", "relevance", 0.2919),
        ("Empathetic Dialogues", "fluency", 0.2406),
        ("EPITOME", "level_emotional_reactions", 0.5067),
        ("EPITOME", "level_interpretations", 0.3179),
        ("EPITOME", "level_explorations", 0.7639),
    ],
)
def test_ordinal_alpha_of_three_experts(shared_data: Path, dataset: str, dimension: str, expected: float) -> None:
    found = krippendorff_alpha(expert_ratings(shared_data, dataset, dimension), "ordinal")
    assert value(found) == pytest.approx(expected, abs=5e-5)
    assert found.low is not None
    assert found.high is not None
    assert found.low < expected < found.high


@pytest.mark.parametrize(("dimension", "expected"), [("empathy", -0.0157), ("preference", 0.2323)])
def test_interval_alpha_where_most_dialogues_have_no_rating(shared_data: Path, dimension: str, expected: float) -> None:
    with gunzip(shared_data / "duo_ed_en" / "duo_ed_en.jsonl.gz", "rt", encoding="utf-8") as lines:
        dialogues = [json.loads(line) for line in lines]
    rows = [
        (one["dialogue_id"], one["dialogue_id"], rater, score)
        for one in dialogues
        for rater, score in enumerate(one.get("objective_evaluation", {}).get(f"{dimension}_scores") or [])
    ]
    found = krippendorff_alpha(table(pd.DataFrame(rows, columns=["unit", "cluster", "rater", "value"])), "interval")
    assert value(found) == pytest.approx(expected, abs=5e-5)
    assert found.units == 50


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_kappa_equals_scikit_learns(weights: str | None) -> None:
    values = np.random.default_rng(7).integers(1, 6, size=(80, 2)).astype(float)
    pair = cohen_kappa(Ratings(values, np.arange(80), ("a", "b")), "a", "b", weights)  # type: ignore[arg-type]
    assert pair.kappa == pytest.approx(cohen_kappa_score(*values.T, weights=weights), abs=1e-12)
    assert pair.agreed == (values[:, 0] == values[:, 1]).mean()


def test_a_rare_flag_shows_why_alpha_alone_misleads() -> None:
    flags = np.zeros((200, 2))
    flags[0, 0] = flags[1, 1] = 1
    rare = Ratings(flags, np.arange(200) // 4, ("a", "b"))
    assert value(krippendorff_alpha(rare, "nominal")) < 0.01
    assert value(gwet_ac(rare)) > 0.98
    assert value(specific_agreement(rare, 1)) == 0.0
    assert value(specific_agreement(rare, 0)) == pytest.approx(396 / 398)


@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_what_is_undefined_says_why_and_is_no_number(constant: float) -> None:
    same = Ratings(np.full((20, 3), constant), np.arange(20), ("a", "b", "c"))
    found = [krippendorff_alpha(same, level) for level in ("nominal", "ordinal", "interval")]  # type: ignore[arg-type]
    found += [gwet_ac(same), fleiss_kappa(same), intraclass(same, "single"), specific_agreement(same, 9)]
    for measure in found:
        assert (measure.value, measure.low, measure.high) == (None, None, None)
        assert measure.why
    assert cohen_kappa(same, "a", "b").kappa is None
    assert cohen_kappa(same, "a", "b").agreed == 1.0


def test_nobody_rated_anything_twice() -> None:
    alone = Ratings(np.array([[1.0, np.nan], [np.nan, 0.0]]), np.arange(2), ("a", "b"))
    assert "rated by two" in krippendorff_alpha(alone, "nominal").why
    assert pairwise(alone)[0].why == "they rated no turn in common"
    with pytest.raises(Undefined):
        dawid_skene(pd.DataFrame({"unit": [1, 2], "rater": ["a", "a"], "value": [0, 1]}))


def test_a_rater_who_rated_a_turn_twice_is_not_guessed_about() -> None:
    frame = pd.DataFrame({"unit": ["t1", "t1"], "cluster": ["d", "d"], "rater": ["a", "a"], "value": [0, 1]})
    with pytest.raises(ValueError, match="rater a rated unit t1 more than once"):
        table(frame)


def test_several_rubric_versions_are_not_pooled_unsaid() -> None:
    frame = pd.DataFrame({"unit": ["t1", "t2"], "cluster": "d", "rater": "a", "value": [0, 1], "version": [1, 3]})
    assert "versions 1, 3" in table(frame).pooled_warning
    assert table(frame.assign(version=2)).pooled_warning == ""


def test_dialogues_are_drawn_and_not_turns() -> None:
    """Turns of one dialogue that say the same thing carry no more than one: the interval must not shrink with them."""
    generator = np.random.default_rng(5)
    one_each = generator.integers(0, 2, size=(60, 3)).astype(float)
    one_each[:, 1] = np.where(generator.random(60) < 0.8, one_each[:, 0], 1 - one_each[:, 0])
    tenfold = Ratings(np.repeat(one_each, 10, axis=0), np.repeat(np.arange(60), 10), ("a", "b", "c"))
    single = Ratings(one_each, np.arange(60), ("a", "b", "c"))
    widths = [m.high - m.low for m in (gwet_ac(single), gwet_ac(tenfold)) if m.high is not None and m.low is not None]
    assert widths[1] == pytest.approx(widths[0], rel=0.15)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Two raters who are right 9 times in 10: the interval for 60 dialogues holds the value of very many, mostly."""
    generator = np.random.default_rng(11)

    def sample(size: int) -> Ratings:
        truth = generator.integers(0, 2, size)
        right = generator.random((size, 2)) < 0.9
        return Ratings(np.where(right, truth[:, None], 1 - truth[:, None]).astype(float), np.arange(size), ("a", "b"))

    whole = value(krippendorff_alpha(sample(200_000), "nominal", draws=0))
    hits = 0
    for _ in range(100):
        found = krippendorff_alpha(sample(60), "nominal", draws=400)
        hits += found.low is not None and found.high is not None and found.low <= whole <= found.high
    assert 85 <= hits <= 100


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(2, 4))
def test_names_and_order_of_raters_and_units_change_nothing(seed: int, raters: int, levels: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.integers(0, levels, size=(25, raters)).astype(float)
    values[generator.random(values.shape) < 0.2] = np.nan
    values = values[np.isfinite(values).any(axis=1)]
    clusters = np.arange(len(values)) // 3
    turned = generator.permutation(len(values))
    one = Ratings(values, clusters, tuple("abcde"[:raters]))
    other = Ratings(values[turned][:, ::-1], clusters[turned], one.raters[::-1])
    for level in ("nominal", "ordinal", "interval"):
        first, second = (krippendorff_alpha(r, level, draws=0).value for r in (one, other))  # type: ignore[arg-type]
        assert first == pytest.approx(second, abs=1e-9)
    assert gwet_ac(one, draws=0).value == pytest.approx(gwet_ac(other, draws=0).value, abs=1e-9)


def test_weights_that_are_not_known_are_refused_and_the_known_ones_named() -> None:
    for text in (KRIPPENDORFF, "1 1 | 1 1"):  # also where all ratings are the same
        with pytest.raises(ValueError, match=r"'nominal'.*identity, linear, quadratic, ordinal"):
            gwet_ac(ratings(text), "nominal")  # type: ignore[arg-type]
