"""Classify clips of single people: from cut images to scores of actions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from actloc_ros.models.clips import ClipSpec
from actloc_ros.models.entry import Entry
from actloc_ros.models.ops.preprocessing import preprocess
from actloc_ros.models.ops.scores import class_scores

BATCH = 32  # clips classified at once: bounds memory


class ClipClassifier:
    """A clip classification network, with all that it takes to use it correctly.

    Attributes:
        labels: Action names.
        threshold: Score in [0, 1] from which an action counts as detected.
        spec: The clips that it takes.
        device: Where it runs.
    """

    def __init__(
        self, network: nn.Module, entry: Entry, device: torch.device, dtype: torch.dtype
    ) -> None:
        """Use a network that is on `device` in `dtype`, in evaluation mode."""
        self.labels, self.threshold = entry.labels, entry.threshold
        self.spec = ClipSpec(entry.frames, entry.rate)
        self.device = device
        self._network, self._entry, self._dtype = network, entry, dtype

    @torch.inference_mode()
    def prepare(self, images: Sequence[Tensor]) -> Tensor:
        """Return a clip, (3, K, H, W) as the network takes it, of K images: uint8 (3, h, w)."""
        how = self._entry.preprocessing
        return torch.stack([preprocess(image, how, self._dtype) for image in images], dim=1)

    @torch.inference_mode()
    def classify(self, clips: Sequence[Tensor]) -> np.ndarray:
        """Return the scores of N clips as `prepare` made them: float32 (N, C) in [0, 1]."""
        batches = [clips[begin : begin + BATCH] for begin in range(0, len(clips), BATCH)]
        logits = [_logits(self._network(torch.stack(list(batch)))) for batch in batches]
        return class_scores(torch.cat(logits), self._entry.activation).cpu().numpy()


def _logits(outputs: Tensor | tuple[Tensor, ...]) -> Tensor:
    """Return logits (N, C) of a network's first output: (N, C), or (N, C, T) over time."""
    logits = (outputs if isinstance(outputs, Tensor) else outputs[0]).float()
    return logits.mean(2) if logits.dim() == 3 else logits
