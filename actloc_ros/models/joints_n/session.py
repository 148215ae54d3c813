"""Run a `joints_n` network by ONNX Runtime; no PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from actloc_ros.models.joints_n.crops import FloatArray, Image, cut, read_maps, squares
from actloc_ros.models.onnx_runtime import open_session
from actloc_ros.models.people_n.decode import FoundPeople

MOST = 8
"""People of an image whose joints are read, by their scores; more would take too long."""

APPEARANCE = 'appearance'
"""The output that says what a crop looks like; files of before have none."""


class JointsSession:
    """Finds the joints of people whose boxes are known.

    Args:
        model: ONNX file, or its content, as `export.export_onnx` writes it.
        providers: ONNX Runtime's execution providers, best first.
        threads: Of the CPU.
    """

    def __init__(
        self,
        model: Path | bytes,
        providers: Sequence[object] = ('CPUExecutionProvider',),
        threads: int = 1,
    ) -> None:
        source = model if isinstance(model, bytes) else str(model)
        self._session = open_session(source, tuple(providers), threads)
        has_looks = APPEARANCE in {output.name for output in self._session.get_outputs()}
        self._outputs = ['maps', 'presence', *([APPEARANCE] if has_looks else [])]

    @property
    def providers(self) -> list[str]:
        """Of ONNX Runtime that it uses, best first."""
        used: list[str] = self._session.get_providers()
        return used

    def joints(self, image: Image, boxes: FloatArray) -> FloatArray:
        """Return the joints of people in boxes.

        Args:
            image: uint8 (H, W, 3), RGB.
            boxes: (N, 4), x1, y1, x2, y2 in pixels.

        Returns:
            float32 (N, 17, 3), x, y in pixels and confidence in [0, 1].
        """
        return self._read(image, boxes)[0] if len(boxes) else np.zeros((0, 17, 3), np.float32)

    def refine(self, image: Image, found: FoundPeople) -> FoundPeople:
        """Give the `MOST` people with the best scores this network's joints, and appearance.

        The others keep the joints that they have, and nothing is known of their appearance.
        """
        if not len(found.boxes):
            return found
        rows = np.argsort(-found.scores, kind='stable')[:MOST]
        joints, appearance = found.joints.copy(), None
        joints[rows], pooled = self._read(image, found.boxes[rows])
        if pooled is not None:
            appearance = np.full((len(joints), pooled.shape[1]), np.nan, np.float32)
            appearance[rows] = pooled
        return replace(found, joints=joints, appearance=appearance)

    def _read(self, image: Image, boxes: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """Return joints (N, 17, 3) and appearance (N, D), if the file has it, of one or more."""
        parts = squares(boxes)
        crops = np.stack([cut(image, part) for part in parts])
        maps, presence, *pooled = self._session.run(self._outputs, {'crops': crops})
        places, mass = read_maps(maps)
        xy = parts[:, None, :2] + places * parts[:, None, 2:]
        joints = np.concatenate([xy, (presence * mass)[..., None]], -1).astype(np.float32)
        return joints, pooled[0] if pooled else None
