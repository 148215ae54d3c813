"""Write down what an evaluation found, as text for people and as JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from actloc_ros.evaluation.figures import Figure
from actloc_ros.evaluation.protocols import Protocol
from actloc_ros.truth.boxes import GroundTruth, Predictions


@dataclass(frozen=True)
class Report:
    """All that an evaluation found.

    Attributes:
        protocol: The conventions.
        truth: What was there.
        predictions: What was detected.
        figures: What came out.
        tubes: Where the tubes come from, in words; None where there are none.
        averages: Means over several figures, by name.
    """

    protocol: Protocol
    truth: GroundTruth
    predictions: Predictions
    figures: Sequence[Figure]
    tubes: str | None = None
    averages: dict[str, float] = field(default_factory=dict)

    def text(self) -> str:
        """Return the report as lines of text."""
        lines = [
            f'protocol      {self.protocol.name}: {self.protocol.describe()}',
            f'ground truth  {self._truth_counts()}',
            f'detections    {self._detection_counts()}',
        ]
        if self.tubes:
            lines.append(f'tubes         {self.tubes}')
        for kind in ('frame', 'video'):
            figures = [figure for figure in self.figures if figure.name.startswith(kind)]
            if figures:
                things = {'frame': 'true boxes', 'video': 'true tubes'}[kind]
                lines += ['', *class_table(f'{kind} by {kind}', things, f'{kind}-m', figures)]
        lines += ['', *(figure_line(figure) for figure in self.figures)]
        lines += [
            f'{self.protocol.name} {name}: {value:.5f}' for name, value in self.averages.items()
        ]
        return '\n'.join(lines)

    def _truth_counts(self) -> str:
        truth = self.truth
        tubes = '' if truth.tubes is None else f', {len(truth.tubes):,} tubes'
        return (
            f'{truth.path}: {len(truth.boxes):,} boxes{tubes} in {len(truth.keyframes):,} frames '
            f'of {len(truth.videos):,} videos, {len(np.unique(truth.boxes.label))} of '
            f'{len(truth.labels)} classes'
        )

    def _detection_counts(self) -> str:
        found = self.predictions
        tubes = '' if found.tubes is None else f', {len(found.tubes):,} tubes'
        counts = dict(found.left_out)
        for figure in self.figures:
            if figure.name.startswith('frame'):
                counts.update(figure.left_out)
        out = ''.join(f'; {count:,} left out {reason}' for reason, count in counts.items())
        total = len(found.boxes) + sum(found.left_out.values())
        return f'{found.source}: {total:,} boxes{tubes}{out}'

    def data(self) -> dict[str, object]:
        """Return the report as what JSON can hold."""
        return {
            'protocol': self.protocol.name,
            'conventions': self.protocol.describe(),
            'ground_truth': {
                'file': self.truth.path,
                'videos': len(self.truth.videos),
                'frames': len(self.truth.keyframes),
                'boxes': len(self.truth.boxes),
                'tubes': None if self.truth.tubes is None else len(self.truth.tubes),
            },
            'detections': {
                'source': self.predictions.source,
                'boxes': len(self.predictions.boxes),
                'left_out': self.predictions.left_out,
            },
            'tubes': self.tubes,
            'figures': [figure_data(figure) for figure in self.figures],
            'averages': self.averages,
        }


def figure_line(figure: Figure) -> str:
    """Return a figure as a line of text."""
    counted, all_classes = len(figure.counted), len(figure.classes)
    missing = f' of {all_classes} classes, those with ground truth'
    over = missing if counted < all_classes else ' class' if counted == 1 else ' classes'
    return f'{figure.protocol} {figure.name}: {figure.value:.5f} over {counted}{over}'


def class_table(how: str, things: str, prefix: str, figures: Sequence[Figure]) -> list[str]:
    """Lay out figures about the same things side by side, a line a class.

    Args:
        how: How they are measured, for the heading.
        things: What is to be found.
        prefix: What columns leave out of the figures' names.
        figures: One or more.
    """
    columns = [figure.name.removeprefix(prefix) for figure in figures]
    width = max(5, *(len(each.name) for each in figures[0].counted))
    lines = [
        f'{figures[0].protocol} by class, {how}',
        f'{"id":>4}  {"class":{width}}  {things:>10}  {"detected":>9}'
        + ''.join(f'  {name:>7}' for name in columns),
    ]
    for shares in zip(*(figure.counted for figure in figures), strict=True):
        each = shares[0]
        lines.append(
            f'{each.class_id:4}  {each.name:{width}}  {each.truths:10,}  {each.detections:9,}'
            + ''.join(f'  {share.average:7.5f}' for share in shares)
        )
    return lines


def figure_data(figure: Figure) -> dict[str, object]:
    """Return a figure as what JSON can hold."""
    return {
        'name': figure.name,
        'protocol': figure.protocol,
        'value': figure.value,
        'classes_counted': len(figure.counted),
        'left_out': figure.left_out,
        'classes': [
            {
                'id': each.class_id,
                'name': each.name,
                'ground_truth': each.truths,
                'detections': each.detections,
                'right': each.right,
                'ap': None if math.isnan(each.average) else each.average,
            }
            for each in figure.classes
        ],
    }
