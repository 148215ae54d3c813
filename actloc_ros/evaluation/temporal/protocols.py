"""Name the protocols that measure in time alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from actloc_ros.evaluation.temporal.online_starts import OFFSETS


class Measure(Enum):
    """What a protocol compares."""

    SEGMENTS = 'segments'
    FRAMES = 'frames'
    STARTS = 'starts'


@dataclass(frozen=True)
class TimeProtocol:
    """How figures with this name are computed.

    Attributes:
        name: The protocol's name.
        origin: Whose evaluation it is.
        measure: What is compared.
        conventions: How, in words.
        levels: Least overlaps in time of segments, or largest differences in s of starts.
    """

    name: str
    origin: str
    measure: Measure
    conventions: str
    levels: tuple[float, ...] = ()

    def describe(self) -> str:
        """Return the conventions in a line."""
        return f'{self.conventions} ({self.origin})'


TIME_PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        TimeProtocol(
            name='activitynet',
            origin='ActivityNet, Heilbron et al. 2015',
            measure=Measure.SEGMENTS,
            conventions='segments of whole videos, tIoU 0.5:0.05:0.95, envelope AP',
            levels=tuple(np.linspace(0.5, 0.95, 10).tolist()),
        ),
        TimeProtocol(
            name='thumos14',
            origin="THUMOS14, Jiang et al. 2014, by ActivityNet's evaluation",
            measure=Measure.SEGMENTS,
            conventions='segments of whole videos, tIoU 0.3:0.1:0.7, envelope AP',
            levels=tuple(np.linspace(0.3, 0.7, 5).tolist()),
        ),
        TimeProtocol(
            name='online-frames',
            origin='De Geest et al. 2016, by the evaluation of Xu et al. 2021',
            measure=Measure.FRAMES,
            conventions='frames of all videos together, AP without interpolation',
        ),
        TimeProtocol(
            name='online-starts',
            origin='Shou et al. 2018, by the evaluation of Gao et al. 2021',
            measure=Measure.STARTS,
            conventions='starts, each found once, at most 1 to 10 s off, 11-point AP',
            levels=OFFSETS,
        ),
    )
}
