"""Read segments off ActionFormer's outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from actloc_ros.models.segments import Segments, SuppressionOptions, suppress_segments


@dataclass(frozen=True)
class DecodeOptions:
    """What published configurations say of decoding.

    Attributes:
        candidates: Kept of each level before suppression.
        min_score: Candidates score more.
        min_length: Candidates are longer, in places of the features.
        suppression: What happens to segments that overlap.
    """

    candidates: int = 2000
    min_score: float = 0.001
    min_length: float = 0.05
    suppression: SuppressionOptions = field(default_factory=SuppressionOptions)


@dataclass(frozen=True)
class Timeline:
    """Where features lie in time.

    Attributes:
        rate: Frames a second of the recording.
        stride: Frames from one feature to the next.
        window: Frames that one feature sees.
        duration: Of the recording in s.
    """

    rate: float
    stride: float
    window: float
    duration: float

    def seconds(self, places: np.ndarray) -> np.ndarray:
        """Return times in s, within the recording, of places in the features, of any shape."""
        times = (places * self.stride + 0.5 * self.window) / self.rate
        return np.asarray(np.clip(times, 0.0, self.duration))


def candidates(outputs: Sequence[Tensor], options: DecodeOptions) -> tuple[Tensor, Tensor, Tensor]:
    """Return spans (N, 2) in places of the features, scores (N,) and labels (N,) of one recording.

    Args:
        outputs: Of the network, for a batch of one: logits and distances of each level in turn.
        options: How many, and which.
    """
    spans, scores, labels = [], [], []
    for level, (logits, distances) in enumerate(zip(outputs[::2], outputs[1::2], strict=True)):
        classes = logits.shape[2]
        likely = logits[0].sigmoid().flatten()
        order = likely.argsort(descending=True, stable=True)[: options.candidates]
        order = order[likely[order] > options.min_score]
        place, label = order // classes, order % classes
        stride = 2**level
        reach = distances[0, place] * stride
        span = torch.stack([place * stride - reach[:, 0], place * stride + reach[:, 1]], 1)
        long = span[:, 1] - span[:, 0] > options.min_length
        spans.append(span[long])
        scores.append(likely[order][long])
        labels.append(label[long])
    return torch.cat(spans), torch.cat(scores), torch.cat(labels)


def decode(outputs: Sequence[Tensor], options: DecodeOptions, time: Timeline) -> Segments:
    """Return the segments of one recording in s, best first; arguments as above.

    Args:
        outputs: Of the network.
        options: How to choose.
        time: Where features lie in time.
    """
    spans, scores, labels = (part.cpu().numpy() for part in candidates(outputs, options))
    kept = suppress_segments(Segments(spans, scores, labels), options.suppression)
    return Segments(time.seconds(kept.spans).astype(np.float32), kept.scores, kept.labels)
