"""Run a `people_n` network by ONNX Runtime; no PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from actloc_ros.models.onnx_runtime import open_session
from actloc_ros.models.people_n.decode import FoundPeople, Reports, decode
from actloc_ros.models.people_n.letterbox import fit_letterbox

PIXELS = 256 * 320
"""Of the network's input, at most."""


class PeopleSession:
    """Finds people in single images.

    Attributes:
        threshold: Score from which the file says that a person is reported.

    Args:
        model: ONNX file, or its content, as `export.export_onnx` writes it.
        providers: ONNX Runtime's execution providers, best first.
        threads: Of the CPU.
        pixels: Of the input, at most.
    """

    def __init__(
        self,
        model: Path | bytes,
        providers: Sequence[str] = ('CPUExecutionProvider',),
        threads: int = 1,
        pixels: int = PIXELS,
    ) -> None:
        source = model if isinstance(model, bytes) else str(model)
        self._session = open_session(source, tuple(providers), threads)
        self._pixels = pixels
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.threshold = float(metadata['threshold'])

    @property
    def providers(self) -> list[str]:
        """Of ONNX Runtime that it uses, best first."""
        used: list[str] = self._session.get_providers()
        return used

    def find(self, image: npt.NDArray[np.uint8], least: float) -> FoundPeople:
        """Return the people in an image, uint8 (H, W, 3), RGB, with scores of `least` or more."""
        letterbox = fit_letterbox(image.shape[0], image.shape[1], self._pixels)
        reports = Reports(*self._session.run(None, {'image': letterbox.apply(image)}))
        return decode(reports, letterbox, least)
