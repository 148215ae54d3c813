"""Decide again whether somebody is a person, by the crop in which the joints are looked for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from actloc_ros.boxes import area, intersection

FloatArray = npt.NDArray[np.float32]

METADATA = 'actloc_ros.second_look'
LEAST_CHANCE = 1e-4
PART = 0.5  # share of the smaller of two boxes


@dataclass(frozen=True)
class SecondLook:
    """How the look at a crop changes the score that a detector of people gave.

    All is in log-odds: d is that of the detector's score, relative to that of the score from which
    it reports people; p is what the network makes of the crop. The new score has, relative to the
    same score, `detector * d + crop * p + bias`.

    Attributes:
        detector: Weight of d.
        crop: Weight of p.
        bias: What is added.
        least: d from which somebody is worth the look.
        sure: d from which nobody needs it, so that the detector's score stays.
    """

    detector: float
    crop: float
    bias: float
    least: float
    sure: float

    @staticmethod
    def parse(text: str) -> SecondLook:
        """Return what `text` wrote."""
        return SecondLook(**json.loads(text))

    def text(self) -> str:
        """Return it for a file's metadata."""
        return json.dumps(asdict(self))

    def doubtful(self, scores: FloatArray, threshold: float) -> npt.NDArray[np.bool_]:
        """Return who needs the look, by the detector's scores (N,) and threshold."""
        return log_odds(scores) - log_odds(np.float32(threshold)) < self.sure

    def judge(
        self, boxes: FloatArray, scores: FloatArray, threshold: float, person: FloatArray
    ) -> FloatArray:
        """Return new scores (N,) in [0, 1].

        Those who the detector would not report are no people of their own where half of their box,
        or of a smaller one, is that of somebody who scores higher: it shows a part of that one.

        Args:
            boxes: (N, 4), all who were found.
            scores: (N,), the detector's.
            threshold: Score from which the detector reports people, as the new one does.
            person: (N,), log-odds, what the network makes of the crops; NaN where nobody looked.
        """
        looked = np.isfinite(person)
        new = scores.copy()
        new[looked] = self.scores(scores[looked], threshold, person[looked])
        raised = (scores < threshold) & (new > scores)
        areas, shared = area(boxes), intersection(boxes[:, None], boxes[None])
        covered = shared >= PART * np.minimum(areas[:, None], areas[None])
        part = (covered & (new[None] > new[:, None])).any(1)
        return np.where(raised & part, scores, new).astype(np.float32)

    def scores(self, scores: FloatArray, threshold: float, person: FloatArray) -> FloatArray:
        """Return new scores (N,) in [0, 1] of those looked at, each by itself; see `judge`."""
        reported = log_odds(np.float32(threshold))
        relative = self.detector * (log_odds(scores) - reported) + self.crop * person + self.bias
        return chances(relative + reported)


def moved(threshold: float, odds: float) -> float:
    """Return the score whose log-odds are those of a threshold plus `odds`."""
    return float(chances(odds + log_odds(threshold)))


def log_odds(scores: npt.ArrayLike) -> FloatArray:
    """Return the log-odds of scores in [0, 1], of which the outermost are cut."""
    within = np.clip(np.asarray(scores, np.float32), LEAST_CHANCE, 1 - LEAST_CHANCE)
    odds: FloatArray = logit(within)
    return odds


def chances(odds: npt.ArrayLike) -> FloatArray:
    """Return the scores in [0, 1] of log-odds."""
    scores: FloatArray = expit(np.asarray(odds, np.float32))
    return scores
