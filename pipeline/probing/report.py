"""What the probes found: by how much a score or the reward can be raised without merit, probe by probe.

Gains are paired: each rewritten answer beside the answer that it was. Intervals draw whole dialogues.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.probing.pairs import REWARD
from pipeline.probing.rewrites import Deserves, probes
from rubrics.reliability.measure import Measure, Undefined, by_cluster, measured, undefined

# Below this a gain is rounding.
NOTHING = 1e-9


@dataclass(frozen=True)
class Found:
    """One probe on one measure (a criterion's id, or "reward").

    `gain` is the mean over `pairs` turns, as a share of the scale, above 0 where the rewritten answer looks better;
    `raised` of them rose, and `kept` did not fall. `failed` pairs have no gain: one of the two has no score.
    """

    probe: str
    deserves: Deserves
    measure: str
    gain: Measure
    pairs: int
    raised: int
    kept: int
    failed: int

    @property
    def is_paid(self) -> bool:
        """Whether what deserves no more earns more, beyond what these turns could show by chance."""
        return self.gain.low is not None and self.gain.low > NOTHING

    @property
    def is_punished(self) -> bool:
        """Whether it costs something, beyond what these turns could show by chance."""
        return self.gain.high is not None and self.gain.high < -NOTHING


def report(rows: pd.DataFrame) -> list[Found]:
    """Every probe on every measure in outputs/probes.parquet, in the probes' order, the reward first."""
    order = {name: place for place, name in enumerate(probes())}
    known = rows[rows["probe"].isin(order)]
    found = [_found(str(probe), str(measure), own) for (probe, measure), own in known.groupby(["probe", "measure"])]
    measures = list(dict.fromkeys(rows["measure"]))
    return sorted(found, key=lambda one: (order[one.probe], one.measure != REWARD, measures.index(one.measure)))


def worst(rows: pd.DataFrame, probe: str, measure: str, most: int = 5) -> list[dict[str, Any]]:
    """The turns that gained most by a probe, with the scores before and after; only those that gained."""
    own = rows[(rows["probe"] == probe) & (rows["measure"] == measure) & (rows["gain"] > NOTHING)]
    return own.sort_values("gain", ascending=False, kind="stable").head(most).to_dict("records")  # type: ignore[return-value]


def _found(probe: str, measure: str, own: pd.DataFrame) -> Found:
    known = own[own["gain"].notna()]
    gains = known["gain"].to_numpy(float)
    return Found(
        probe=probe,
        deserves=probes()[probe].deserves,
        measure=measure,
        gain=_gain(gains, known["dialogue_id"]),
        pairs=len(known),
        raised=int((gains > NOTHING).sum()),
        kept=int((gains > -NOTHING).sum()),
        failed=len(own) - len(known),
    )


def _gain(gains: np.ndarray, dialogues: pd.Series) -> Measure:
    if not len(gains):
        return undefined("Gain", Undefined("no pair has two scores"))
    clusters = pd.factorize(dialogues)[0].astype(np.int64)
    sums = by_cluster(np.stack([gains, np.ones(len(gains))], axis=1), clusters, int(clusters.max()) + 1)
    return measured("Gain", sums, lambda drawn: np.asarray(drawn[:, 0] / drawn[:, 1]), len(gains), 2 * len(gains))
