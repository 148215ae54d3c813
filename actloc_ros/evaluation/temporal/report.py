"""Write down what an evaluation in time found, as text for people and as JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from actloc_ros.evaluation.figures import Figure
from actloc_ros.evaluation.report import class_table, figure_data, figure_line
from actloc_ros.evaluation.temporal.protocols import TimeProtocol
from actloc_ros.truth.segments import SegmentTruth


@dataclass(frozen=True)
class TimeReport:
    """All that an evaluation in time found.

    Attributes:
        protocol: The conventions.
        truth: What was there.
        detections: What was detected, in words.
        things: What is counted: segments, frames or starts.
        figures: What came out.
        averages: What is no mean over classes of one kind of precision, by name.
    """

    protocol: TimeProtocol
    truth: SegmentTruth
    detections: str
    things: str
    figures: Sequence[Figure]
    averages: dict[str, float]

    def text(self) -> str:
        """Return the report as lines of text."""
        name = self.protocol.name
        return '\n'.join(
            [
                f'protocol      {name}: {self.protocol.describe()}',
                f'ground truth  {self._truth_counts()}',
                f'detections    {self.detections}',
                '',
                *class_table('in time', f'true {self.things}', 'm', self.figures),
                '',
                *map(figure_line, self.figures),
                *(f'{name} {key}: {value:.5f}' for key, value in self.averages.items()),
            ]
        )

    def data(self) -> dict[str, object]:
        """Return the report as what JSON can hold."""
        return {
            'protocol': self.protocol.name,
            'conventions': self.protocol.describe(),
            'ground_truth': {
                'file': self.truth.path,
                'part': self.truth.part,
                'videos': len(self.truth.videos),
                'segments': self._true,
            },
            'detections': {'source': self.detections},
            'figures': [figure_data(figure) for figure in self.figures],
            'averages': {
                key: None if math.isnan(value) else value for key, value in self.averages.items()
            },
        }

    @property
    def _true(self) -> int:
        return sum(map(len, self.truth.segments.values()))

    def _truth_counts(self) -> str:
        truth = self.truth
        part = f', {truth.part}' if truth.part else ''
        present = sum(len(segments) > 0 for segments in truth.segments.values())
        return (
            f'{truth.path}{part}: {self._true:,} segments in {len(truth.videos):,} videos, '
            f'{present} of {len(truth.labels)} classes'
        )
