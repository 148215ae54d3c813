"""Open a two-stage model by the names of its detector and its classifier.

`DETECTOR+CLASSIFIER`, as in `hog+c3d` or `fasterrcnn_mobilenet_v3_large_320_fpn+mvit_v2_s`.

DETECTOR is `hog`; `view`, for which the actor is the whole view; `people_n`, a published network
such as `yolox_nano`, or the path of a YAML file that describes any other people network, as
`models.people.open` has it; a detection network of torchvision, by its name (with its default
weights) or by its weights' (`FasterRCNN_ResNet50_FPN_Weights.COCO_V1`); `boxes=PATH`, the boxes in
a CSV file, whose columns `detectors.external_boxes.read_boxes` describes; or, in the node, `topic`:
boxes that another node finds (parameters `boxes.…`). CLASSIFIER is the name of a clip classifier or
of one of its checkpoints, as `actloc models` lists them.
"""

from __future__ import annotations

from pathlib import Path

import torch

from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.detectors.base import PersonDetector
from actloc_ros.models.detectors.external_boxes import ExternalBoxes, read_boxes
from actloc_ros.models.detectors.hog import HogDetector
from actloc_ros.models.detectors.people_networks import PeopleNetworkDetector
from actloc_ros.models.detectors.torchvision_detectors import open_network_detector
from actloc_ros.models.detectors.whole_view import WholeView
from actloc_ros.models.entry import Task
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.loading import find_weights, open_network
from actloc_ros.models.ops.runtime import choose_device, choose_precision, prepare
from actloc_ros.models.people.open import names_people, open_people
from actloc_ros.models.registry import find_entry
from actloc_ros.models.two_stage.classifier import ClipClassifier
from actloc_ros.models.two_stage.localizer import TwoStageLocalizer
from actloc_ros.models.two_stage.options import NONE_BIAS, TOPIC
from actloc_ros.models.words.classifier import WordsClassifier, check_activation

FILE = 'boxes='


def open_two_stage(model: str, options: LocalizerOptions) -> TwoStageLocalizer:
    """Return the localizer called `DETECTOR+CLASSIFIER`.

    Args:
        model: As this module's text says.
        options: `weights` are the classifier's; the detector takes its own downloaded ones.

    Raises:
        WeightsError: There is no such detector or classifier, or its weights are missing or do
            not fit.
    """
    detector_name, _, classifier_name = model.rpartition('+')
    device = choose_device(options.device)
    classifier = _open_classifier(classifier_name, device, options)
    detector = _open_detector(detector_name, device, options)
    localizer = TwoStageLocalizer(model, detector, classifier, options)
    weights = find_weights(find_entry(classifier_name), options.weights)
    localizer.weight_files = () if weights is None else (weights,)
    return localizer


def _open_detector(name: str, device: torch.device, options: LocalizerOptions) -> PersonDetector:
    if name == 'hog':
        return HogDetector()
    if name == 'view':
        return WholeView()
    if name == TOPIC:
        if options.side_inputs is None:
            raise WeightsError('boxes from a topic need the node; give boxes=PATH offline')
        return ExternalBoxes(options.side_inputs.boxes)
    if names_people(name) and not name.startswith(FILE):
        threads = options.threads
        return PeopleNetworkDetector(open_people(name, options.device, threads))
    if not name.startswith(FILE):
        return open_network_detector(name, device, options.random_weights)
    path = Path(name.removeprefix(FILE)).expanduser()
    try:
        return read_boxes(path)
    except (OSError, ValueError) as error:
        raise WeightsError(f'cannot read boxes from "{path}": {error}') from error


def _open_classifier(
    name: str, device: torch.device, options: LocalizerOptions
) -> ClipClassifier | WordsClassifier:
    check_activation(name, options.weights)
    opened = open_network(name, options.weights, options.random_weights)
    task = opened.architecture.task
    if task is Task.LOCALIZATION:
        raise WeightsError(f'{name} classifies no clips: it localizes by itself')
    if task is Task.WORDS:
        none = float(options.extra.get(NONE_BIAS, 0.0))
        dtype = choose_precision(options.precision, device)
        return WordsClassifier(opened, options.labels, none, device, dtype)
    if task is not Task.CLASSIFICATION:
        raise WeightsError(f'{name} classifies no clips of images; its task is {task.value}')
    dtype = choose_precision(options.precision, device)
    return ClipClassifier(prepare(opened.network, device, dtype), opened.entry, device, dtype)
