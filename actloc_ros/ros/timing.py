"""Measure where the time from a frame's stamp to its published result goes."""

from __future__ import annotations

from collections import deque
from dataclasses import astuple, dataclass, fields

import numpy as np

WINDOW = 300  # results over which percentiles are taken


@dataclass(frozen=True)
class Split:
    """One result's way, each part in s.

    Attributes:
        transport: From the header's stamp to its arrival here, by the node's clock.
        wait: In the mailbox.
        decode: From message to frame.
        preprocess: From frames to the model's input, where the localizer measures it.
        infer: In the rest of the localizer.
        link: To tracks and instances.
        place: To where actors are in space.
        publish: Laying out and sending messages.
        latency: From the header's stamp to the sent message, by the node's clock.
    """

    transport: float
    wait: float
    decode: float
    preprocess: float
    infer: float
    link: float
    place: float
    publish: float
    latency: float


class Timings:
    """Keeps the newest splits of one camera."""

    def __init__(self) -> None:
        self._splits: deque[Split] = deque(maxlen=WINDOW)

    def add(self, split: Split) -> None:
        """Take a result's split."""
        self._splits.append(split)

    def percentiles(self, *shares: float) -> dict[str, tuple[float, ...]]:
        """Return percentiles (`shares` from 0 to 100) in ms by part; nothing without results."""
        splits = list(self._splits)
        if not splits:
            return {}
        table = np.array([astuple(split) for split in splits]) * 1e3
        columns = np.percentile(table, shares, axis=0).T
        return {
            part.name: tuple(column.tolist())
            for part, column in zip(fields(Split), columns, strict=True)
        }
