"""Finish what networks report inside their ONNX files, in the form that OpenMMLab's exports have.

What scores less than `FLOOR`, or overlaps what is better, is left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.ops import nms

from actloc_ros.models.architecture import Finish
from actloc_ros.models.entry import Entry
from actloc_ros.models.published_people.rtmdet import RTMDet
from actloc_ros.models.published_people.rtmo import RTMO
from actloc_ros.models.published_people.select import have_area

FLOOR = 0.05


class FinishedBoxes(nn.Module):
    """RTMDet: an image (1, 3, h, w) to boxes with scores (1, N, 5), classes (1, N), and its rows.

    Boxes are x1, y1, x2, y2 in pixels of the input, best first.
    """

    def __init__(self, network: nn.Module, entry: Entry) -> None:
        super().__init__()
        assert isinstance(network, RTMDet)
        self.network, self.overlap = network, entry.nms_iou

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Map an image to what is in it."""
        rows, size = self.network(image), (image.shape[2], image.shape[3])
        boxes, chances = self.network.read(rows[0], size)
        counts = (chances >= FLOOR) & have_area(boxes)[:, None]
        row, kind = torch.nonzero(counts, as_tuple=True)
        scores, found = chances[row, kind], boxes[row]
        apart = found + kind[:, None] * (max(size) + 1)  # so that no two classes overlap
        kept = nms(apart, scores, self.overlap)
        best = torch.cat([found[kept], scores[kept, None]], 1)
        return best[None], kind[kept][None], rows


class FinishedPoses(nn.Module):
    """RTMO: an image (1, 3, h, w) to boxes with scores (1, N, 5), joints (1, N, K, 3), and its own.

    Boxes and joints are in pixels of the input, best first; a joint is x, y and its chance.
    """

    def __init__(self, network: nn.Module, entry: Entry) -> None:
        super().__init__()
        assert isinstance(network, RTMO)
        self.network, self.overlap = network, entry.nms_iou

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Map an image to the people in it."""
        outputs, size = self.network(image), (image.shape[2], image.shape[3])
        boxes, scores, joints = self.network.people(outputs, size, FLOOR, self.overlap)
        return torch.cat([boxes, scores[:, None]], 1)[None], joints[None], *outputs


BOXES = Finish(('dets', 'labels'), FinishedBoxes)
POSES = Finish(('dets', 'keypoints'), FinishedPoses)
