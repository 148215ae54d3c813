"""Find joints in boxes that another network finds: the layouts `simcc` and of heat maps.

- `simcc`, as RTMPose has it: two arrays (N, K, 2 width) and (N, K, 2 height), bins of columns and
  rows.
- `heatmap_plain`, `heatmap_dark`, `heatmap_udp`: one array (N, K, rows, columns), read as
  `heatmaps` says. With `heatmap_udp`, the first and the last pixel of a crop lie on its edges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from actloc_ros.models.errors import ModelError
from actloc_ros.models.onnx_runtime import Providers
from actloc_ros.models.people.description import HEATMAPS, PeopleFile
from actloc_ros.models.people.file_network import BLANK, OnnxFile, put_joints
from actloc_ros.models.people.heatmaps import HeatmapDecoding, decode_heatmaps
from actloc_ros.models.people_n.decode import FoundPeople

MARGIN = 1.25  # size of a crop in boxes
SPLIT = 2  # bins a pixel


class TopDownNetwork:
    """People by one network, and their joints by another, one crop a person.

    Attributes:
        has_joints: That it finds joints.
        providers: Of ONNX Runtime that it uses for joints, best first.

    Args:
        how: Of the network for joints.
        find_boxes: Image and least score -> people.
        providers: Of ONNX Runtime.
        threads: Of the CPU.

    Raises:
        ModelError: The file cannot be opened, or does not fit its description.
    """

    has_joints = True

    def __init__(
        self,
        how: PeopleFile,
        find_boxes: Callable[[np.ndarray, float], FoundPeople],
        providers: Providers,
        threads: int,
    ) -> None:
        self._file, self._how = OnnxFile(how, providers, threads), how
        self._find_boxes, self.providers = find_boxes, self._file.providers
        is_heatmap = how.layout in HEATMAPS
        self._way = HeatmapDecoding(how.layout.removeprefix('heatmap_')) if is_heatmap else None
        blank = np.full((*how.size, 3), BLANK, np.uint8)
        try:
            self._joints(blank, np.array([[0, 0, *how.size]]))
        except Exception as error:  # a wrong size shows only here, as ONNX Runtime's own error
            raise ModelError(f'"{how.people}" does not fit its description: {error}') from error

    def find(self, image: np.ndarray, least: float) -> FoundPeople:
        """Return the people in an image, uint8 (H, W, 3), RGB, with scores of `least` or more."""
        found = self._find_boxes(image, least)
        if len(found.boxes):
            found = replace(found, joints=np.zeros_like(found.joints))
            put_joints(found, self._joints(image, found.boxes), self._how)
        return found

    def _joints(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return the joints (N, K, 3) of people in boxes (N, 4), in pixels of the image."""
        height, width = self._how.size
        edge = self._way is HeatmapDecoding.UDP
        spans = height - edge, width - edge
        crops = np.empty((len(boxes), height, width, 3), np.uint8)
        backs = np.empty((len(boxes), 2, 3))
        for index, box in enumerate(np.asarray(boxes, float)):
            backs[index] = _from_crop(box, *spans)
            cv2.warpAffine(
                image, backs[index], (width, height), crops[index],
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            )  # fmt: skip
        found = self._read(self._file.run(crops), spans)
        moved = np.einsum('nij,nkj->nki', backs[:, :, :2], found[..., :2]) + backs[:, None, :, 2]
        return np.concatenate([moved, found[..., 2:]], -1)

    def _read(self, outputs: list[np.ndarray], spans: tuple[int, int]) -> np.ndarray:
        """Return the joints (N, K, 3) in crops, in pixels of the crops, which span (y, x) pixels.

        Raises:
            ValueError: The outputs have other shapes.
        """
        if self._way is None:
            x, y = self._bins(outputs)
            confidence = np.minimum(x.max(-1), y.max(-1))
            return np.stack([x.argmax(-1) / SPLIT, y.argmax(-1) / SPLIT, confidence], -1)
        if len(outputs) != 1 or outputs[0].ndim != 4:
            raise ValueError(
                f'{self._how.layout} has one output (crops, joints, rows, columns); it gives'
                f' {[o.shape for o in outputs]}'
            )
        return np.stack(
            [decode_heatmaps(maps, spans, self._way, self._how.blur) for maps in outputs[0]]
        )

    def _bins(self, outputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns' (N, K, 2 width) and rows' bins (N, K, 2 height).

        Raises:
            ValueError: The outputs have other shapes.
        """
        sizes = [SPLIT * side for side in self._how.size[::-1]]
        if [output.shape[-1] for output in outputs] != sizes or outputs[0].ndim != 3:
            raise ValueError(
                f'simcc has two outputs of {sizes} bins; it gives {[o.shape for o in outputs]}'
            )
        return outputs[0], outputs[1]


def _from_crop(box: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the affine map (2, 3) from pixels of a crop to pixels of the image.

    The crop has the box in its middle, with a margin and without distortion.
    """
    centre, sides = (box[:2] + box[2:]) / 2, np.maximum(box[2:] - box[:2], 1) * MARGIN
    zoom = max(sides[0] / width, sides[1] / height)
    return np.array(
        [[zoom, 0, centre[0] - zoom * width / 2], [0, zoom, centre[1] - zoom * height / 2]]
    )
