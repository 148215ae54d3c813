"""Mix people up, as trackers do: one track goes on with what belongs to another person."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from actloc_ros.boxes import paired_iou

SHARE = 0.5  # of the people who overlap in the image and are mixed up
OVERLAP = 0.1  # from which a tracker may mix them up
FOR_GOOD = 0.5  # share of the times in which they are not told apart again
SECONDS = (0.1, 0.8)  # for how long otherwise


def mix_up(
    rng: np.random.Generator, times: np.ndarray, boxes: np.ndarray, parts: list[np.ndarray]
) -> None:
    """Exchange at times what two tracks that overlap have, in place.

    Args:
        rng: Draws.
        times: (G, T), seconds.
        boxes: (G, A, T, 4), pixels; exchanged too.
        parts: What else belongs to a person: arrays (G, A, T, ...); the first says who is present.
    """
    present = parts[0]
    for one, other in combinations(range(boxes.shape[1]), 2):
        both = present[:, one] & present[:, other]
        near = both & (paired_iou(boxes[:, one], boxes[:, other]) > OVERLAP)
        for group in np.flatnonzero(near.any(axis=1)).tolist():
            if rng.random() > SHARE:
                continue
            moments = np.flatnonzero(near[group])
            start = times[group, moments[int(rng.integers(len(moments)))]]
            end = np.inf if rng.random() < FOR_GOOD else start + rng.uniform(*SECONDS)
            when = np.flatnonzero((times[group] >= start) & (times[group] < end))
            for part in (boxes, *parts):
                part[group, [[one], [other]], when] = part[group, [[other], [one]], when]
