"""Run published networks that find people or joints, as any people network is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from actloc_ros.joints import COCO_JOINTS
from actloc_ros.models.entry import Entry, Task
from actloc_ros.models.errors import ModelError
from actloc_ros.models.loading import OpenedNetwork, find_weights, open_network
from actloc_ros.models.ops.runtime import choose_device
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.published_people.rtmpose import read_bins
from actloc_ros.models.published_people.select import best_rows, normalize
from actloc_ros.models.vision.placing import place

PERSON = 'person'
MARGIN = 1.25  # size of a crop in boxes
FILE = '='  # between a name and the path of its weights


def open_published(name: str, device: str, tasks: tuple[Task, ...]) -> tuple[OpenedNetwork, Path]:
    """Return the network called `NAME`, or `NAME=PATH`, on `device`, and the file of its weights.

    Args:
        name: Of an entry or an architecture.
        device: As `choose_device` has it.
        tasks: What it may do.

    Raises:
        ModelError: There is no such network, its weights are not here or do not fit, or it does
            something else.
    """
    model, _, path = name.partition(FILE)
    weights = str(Path(path).expanduser()) if path else ''
    opened = open_network(model, weights)
    task = opened.architecture.task
    if task not in tasks:
        wanted = ' or '.join(one.value for one in tasks)
        raise ModelError(f'{model} does {task.value}; {wanted} is needed here')
    opened.network.to(choose_device(device))
    used = find_weights(opened.entry, weights)
    assert used is not None  # without random weights there is a file
    return opened, used


class PublishedPeople:
    """People in single images by YOLOX, NanoDet-Plus, RTMDet or RTMO.

    Attributes:
        threshold: Score from which a person is reported.
        has_joints: Whether it finds joints.

    Raises:
        ModelError: The network knows no people.
    """

    def __init__(self, opened: OpenedNetwork) -> None:
        self.entry = opened.entry
        self._network: Any = opened.network
        self.threshold = opened.entry.threshold
        self._resize = opened.architecture.people['resize']
        self.has_joints = opened.architecture.task is Task.POSES
        if not self.has_joints and PERSON not in self.entry.labels:
            raise ModelError(f'{self.entry.name} has no class "{PERSON}"')

    @torch.inference_mode()
    def find(self, image: np.ndarray, least: float) -> FoundPeople:
        """Return the people in an image, uint8 (H, W, 3), RGB, with scores of `least` or more."""
        how = self.entry.preprocessing
        size = how.height, how.width
        placed = place(image, size, self._resize, smaller='linear')
        given = _as_input(placed.pixels[None], self.entry, self._network)
        corners, scores, joints = self._read(given, size, least)
        bound = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
        boxes = np.clip(_numpy(corners) * np.tile(placed.zoom, 2), 0, bound)
        found = _numpy(joints)
        found[..., :2] *= placed.zoom
        there = (boxes[:, 2:] > boxes[:, :2]).all(1)
        return FoundPeople(boxes.astype(np.float32), _numpy(scores), found)[there]

    def _read(
        self, given: Tensor, size: tuple[int, int], least: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return boxes (N, 4), scores (N,) and joints (N, 17, 3) in pixels of the input."""
        network, overlap = self._network, self.entry.nms_iou
        if self.has_joints:
            people: tuple[Tensor, Tensor, Tensor] = network.people(
                network(given), size, least, overlap
            )
            return people
        corners, chances = network.read(network(given)[0].float(), size)
        scores = chances[:, self.entry.labels.index(PERSON)]
        kept = best_rows(corners, scores, least, overlap)
        joints = corners.new_zeros(len(kept), len(COCO_JOINTS), 3)
        return corners[kept], scores[kept], joints


class PublishedJoints:
    """The joints of people in boxes by RTMPose.

    Args:
        opened: The network.
    """

    def __init__(self, opened: OpenedNetwork) -> None:
        self._entry = opened.entry
        self._network: Any = opened.network

    @torch.inference_mode()
    def refine(self, image: np.ndarray, found: FoundPeople) -> FoundPeople:
        """Return the same people with joints; see `PeopleNetwork.refine`."""
        if not len(found.boxes):
            return found
        how = self._entry.preprocessing
        crops = np.empty((len(found.boxes), how.height, how.width, 3), np.uint8)
        joints = np.empty((len(found.boxes), len(COCO_JOINTS), 3), np.float32)
        zooms = [_crop(image, box, crop) for box, crop in zip(found.boxes, crops, strict=True)]
        columns, rows = self._network(_as_input(crops, self._entry, self._network))
        places, scores = (_numpy(part) for part in read_bins(columns.float(), rows.float()))
        for index, (zoom, corner) in enumerate(zooms):
            joints[index, :, :2] = places[index] * zoom + corner
            joints[index, :, 2] = scores[index].clip(0, 1)
        return FoundPeople(found.boxes, found.scores, joints)


def _numpy(values: Tensor) -> np.ndarray:
    array: np.ndarray = values.float().cpu().numpy()
    return array


def _as_input(images: np.ndarray, entry: Entry, network: torch.nn.Module) -> Tensor:
    """Return images, uint8 (B, h, w, 3) in RGB, as the network takes them."""
    weight = next(network.parameters())
    ordered = images if entry.preprocessing.colour.value == 'rgb' else images[..., ::-1]
    given = torch.from_numpy(np.ascontiguousarray(ordered.transpose(0, 3, 1, 2)))
    return normalize(given.to(weight), entry.preprocessing)


def _crop(image: np.ndarray, box: np.ndarray, crop: np.ndarray) -> tuple[float, np.ndarray]:
    """Cut a box with a margin and without distortion into `crop`; return how to bring it back."""
    height, width = crop.shape[:2]
    centre, sides = (box[:2] + box[2:]) / 2, np.maximum(box[2:] - box[:2], 1) * MARGIN
    zoom = float(max(sides[0] / width, sides[1] / height))
    corner = centre - zoom * np.array([width, height]) / 2
    back = np.array([[zoom, 0, corner[0]], [0, zoom, corner[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cv2.warpAffine(image, back, (width, height), crop, flags=flags)
    return zoom, corner
