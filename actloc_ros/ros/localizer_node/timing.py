"""Measure where the time from a frame's stamp to its published result goes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np

WINDOW = 300  # results over which percentiles are taken


@dataclass(frozen=True)
class LatencyBreakdown:
    """One result's way, each part in s.

    Attributes:
        transport: From the header's stamp to its arrival here, by the node's clock.
        wait: In the mailbox.
        decode: From message to frame.
        preprocess: From frames to the model's input, where the localizer measures it.
        infer: In the rest of the localizer.
        link: To tracks and instances.
        hold: While what places actors in space was on its way.
        place: To where actors are in space.
        publish: Laying out and sending messages.
        own: All of it but transport, infer and hold.
        latency: From the header's stamp to the sent message, by the node's clock.
    """

    transport: float
    wait: float
    decode: float
    preprocess: float
    infer: float
    link: float
    hold: float
    place: float
    publish: float
    own: float
    latency: float


class LatencyWindow:
    """Keeps the newest splits of one camera."""

    def __init__(self) -> None:
        self._splits: deque[LatencyBreakdown] = deque(maxlen=WINDOW)

    def add(self, split: LatencyBreakdown) -> None:
        """Take a result's split."""
        self._splits.append(split)

    def percentiles(self, *shares: float) -> dict[str, tuple[float, ...]]:
        """Return percentiles (`shares` from 0 to 100) in ms by part; nothing without results."""
        splits = list(self._splits)
        columns = zip(*map(astuple, splits), strict=True)
        return {
            part.name: percentiles(column, *shares)
            for part, column in zip(fields(LatencyBreakdown), columns, strict=False)
        }


def percentiles(seconds: Sequence[float], *shares: float) -> tuple[float, ...]:
    """Return percentiles (`shares` from 0 to 100) of durations in s, in ms."""
    return tuple((np.percentile(seconds, shares) * 1e3).tolist())
