"""Run a `people_n` network by PyTorch, where that sees a GPU and ONNX Runtime does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from actloc_ros.models.people_n.decode import FoundPeople, decode
from actloc_ros.models.people_n.letterbox import fit_letterbox
from actloc_ros.models.people_n.restore import as_reports, restore_people
from actloc_ros.models.people_n.session import PIXELS


class TorchPeopleSession:
    """Finds people in single images as `PeopleSession` does.

    Attributes:
        threshold: Score from which the file says that a person is reported.

    Args:
        model: ONNX file, as `export.export_onnx` writes it.
        device: Of PyTorch.
        pixels: Of the network's input, at most.

    Raises:
        ValueError: It is no such file.
        OSError: It cannot be read.
    """

    def __init__(self, model: Path, device: str, pixels: int = PIXELS) -> None:
        weights = restore_people(model)
        self.threshold = weights.threshold
        self._network = weights.network.to(device)
        self._device, self._pixels = torch.device(device), pixels

    @torch.inference_mode()
    def find(self, image: npt.NDArray[np.uint8], least: float) -> FoundPeople:
        """Return the people in an image, uint8 (H, W, 3), RGB, with scores of `least` or more."""
        letterbox = fit_letterbox(image.shape[0], image.shape[1], self._pixels)
        given = torch.from_numpy(letterbox.apply(image)).to(self._device)
        raw = self._network(given.permute(2, 0, 1)[None].float())
        return decode(as_reports(raw), letterbox, least)
