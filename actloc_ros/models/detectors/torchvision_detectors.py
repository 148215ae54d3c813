"""Open torchvision's detection networks as person detectors, with the weights of their enums."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import WeightsEnum, get_model_weights

from actloc_ros.localizer import Detections
from actloc_ros.models.checkpoints import read_checkpoint
from actloc_ros.models.detectors.base import LEAST_SCORE, DeviceImage, PersonDetector, people
from actloc_ros.models.entry import Activation, Entry, Preprocessing
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.ops.runtime import fixed_random
from actloc_ros.models.state_dicts import differences, refuse_not_finite
from actloc_ros.models.storage import find_stored, hash_in_name, stored_path

PERSON = 'person'
# Trained with batch norms without an epsilon, as torchvision's builders know.
NO_EPSILON = (
    'fasterrcnn_resnet50_fpn_coco_v1',
    'keypointrcnn_resnet50_fpn_coco_v1',
    'maskrcnn_resnet50_fpn_coco_v1',
    'retinanet_resnet50_fpn_coco_v1',
)


def detector_names() -> tuple[str, ...]:
    """Return the names of torchvision's detection networks."""
    return tuple(torchvision.models.list_models(module=torchvision.models.detection))


def find_detector(name: str) -> Entry | None:
    """Return the entry of a detection network: where its weights come from, and its labels.

    Args:
        name: Of `detector_names`, for its default weights; or of one of its weights, such as
            `FasterRCNN_ResNet50_FPN_Weights.COCO_V1` or `fasterrcnn_resnet50_fpn_coco_v1`.
    """
    for model in detector_names():
        weights = get_model_weights(model)
        if name == model:
            return _entry(model, weights['DEFAULT'])
        for member in weights:
            if name in (str(member), _entry_name(model, member)):
                return _entry(model, member)
    return None


def open_network_detector(
    name: str, device: torch.device, random_weights: bool = False
) -> NetworkDetector:
    """Return a detection network on `device`, with its downloaded weights.

    Args:
        name: As for `find_detector`.
        device: Where it runs, in single precision.
        random_weights: Make weights up where there are none, always the same.

    Raises:
        WeightsError: There is no such network, or its weights are not here or do not fit.
    """
    entry = find_detector(name)
    if entry is None:
        names = ', '.join(('hog', 'people_n', 'FILE.yaml', 'boxes=PATH', *detector_names()))
        raise WeightsError(f'there is no detector "{name}"; there are {names}')
    path = find_stored(entry)
    if path is None and not random_weights:
        raise WeightsError(
            f'the weights of {entry.name} are not here (no file {stored_path(entry)}): run'
            f' `actloc download {entry.name}`, or take the detector hog, which needs none'
        )
    network = load_detector(entry, path) if path else build_detector(entry)
    return NetworkDetector(network.to(device), entry.labels.index(PERSON))


def build_detector(entry: Entry) -> nn.Module:
    """Return the entry's network in evaluation mode, with random weights, always the same."""
    with fixed_random():
        network = torchvision.models.get_model(
            entry.architecture, weights=None, weights_backbone=None, num_classes=len(entry.labels)
        )
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and entry.name in NO_EPSILON:
            module.eps = 0.0
    return network.eval().requires_grad_(False)


def load_detector(entry: Entry, path: Path) -> nn.Module:
    """Return the entry's network in evaluation mode with the weights in a file, strictly.

    Raises:
        WeightsError: The file is no checkpoint, or does not fit.
    """
    network = build_detector(entry)
    own = network.state_dict()
    # Batch norms were frozen in training and published without their counters.
    counters = {key: own[key] for key in own if key.endswith('num_batches_tracked')}
    state = {**counters, **read_checkpoint(path).state}
    found = differences(own, state)
    if found:
        raise WeightsError('\n'.join([f'"{path}" does not fit {entry.name}:', *found]))
    refuse_not_finite(state, path)
    network.load_state_dict(state)
    return network


def _entry_name(model: str, weights: WeightsEnum) -> str:
    return f'{model}_{weights.name.lower()}'


def _entry(model: str, weights: WeightsEnum) -> Entry:
    return Entry(
        name=_entry_name(model, weights),
        architecture=model,
        labels=tuple(weights.meta['categories']),
        preprocessing=Preprocessing(0, 0),  # the network itself scales images of any size
        frames=1,
        rate=1.0,
        activation=Activation.SOFTMAX,
        url=weights.url,
        sha256=hash_in_name(weights.url),
        licence='BSD-3-Clause',
        source='https://pytorch.org/vision/stable/models.html#object-detection',
    )


class NetworkDetector(PersonDetector):
    """People by a detection network of torchvision's kind.

    Args:
        network: Takes a list of float images (3, h, w) in [0, 1] and returns dictionaries with
            `boxes`, `labels` and `scores`; on the device, in evaluation mode.
        person: The class of people among its labels.
    """

    def __init__(self, network: nn.Module, person: int) -> None:
        self._network, self._person = network, person

    @torch.inference_mode()
    def detect(self, views: Sequence[DeviceImage]) -> list[Detections]:
        """See `PersonDetector`."""
        found = self._network([view.image.float() / 255 for view in views])
        return [self._people(view, result) for view, result in zip(views, found, strict=True)]

    def _people(self, view: DeviceImage, found: dict[str, Tensor]) -> Detections:
        kept = (found['labels'] == self._person) & (found['scores'] >= LEAST_SCORE)
        boxes = found['boxes'][kept].float().cpu().numpy() * view.scale
        return people(view.frame.stamp, boxes, found['scores'][kept].float().cpu().numpy())
