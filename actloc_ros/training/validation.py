"""Measure a detector in training on recordings that it is not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as vision
from tqdm import tqdm

from actloc_ros.datasets.annotated_videos import AnnotatedVideos, LabelledClip
from actloc_ros.evaluation.any_action import ANY_ACTION
from actloc_ros.evaluation.figures import check_truths
from actloc_ros.evaluation.frame_map import frame_map
from actloc_ros.evaluation.protocols import find_protocol
from actloc_ros.models.architecture import ActorPredictions
from actloc_ros.training.adapter import TrainableAdapter
from actloc_ros.truth.annotations import Video
from actloc_ros.truth.boxes import FrameBoxes, GroundTruth, join

KEY_FRAMES = 16
"""Most frames of a video that are measured."""

PICTURES = 16
"""Most key frames that are kept to be drawn."""

LEAST_SCORE = 0.005
PROTOCOL = find_protocol('ucf24-act')
NAME = 'the recordings to measure on (data: valid)'


@dataclass(frozen=True, eq=False)
class KeyFrame:
    """A frame to be measured.

    Attributes:
        videos: The recordings that it is of.
        video: Index of its video there.
        number: Index of the frame in the video.
        row: Number of the video among all that are measured.
    """

    videos: AnnotatedVideos
    video: int
    number: int
    row: int


@dataclass(frozen=True, eq=False)
class KeyFramePrediction:
    """What a detector predicts in one key frame.

    Attributes:
        image: uint8 (3, H, W): the network's input.
        actors: Boxes in pixels of `image`.
    """

    image: Tensor
    actors: ActorPredictions

    def boxes_in(self, size: Sequence[int]) -> Tensor:
        """Return the boxes in pixels of a recording of this height and width: float64 (N, 4)."""
        height, width = self.image.shape[1:]
        scale = torch.tensor([size[1] / width, size[0] / height] * 2, dtype=torch.float64)
        limit = torch.tensor([size[1], size[0]] * 2)
        return torch.minimum((self.actors.boxes.double().cpu() * scale).clamp(min=0), limit)


@dataclass(frozen=True, eq=False)
class KeyFrameTruth:
    """What a key frame shows.

    Attributes:
        boxes: float (M, 4) in pixels of the recording.
        actions: float (M, C): 1 where the actor does the action, else 0.
        size: Height and width of the recording.
    """

    boxes: np.ndarray
    actions: np.ndarray
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class ValidationResult:
    """What a validation measured.

    Attributes:
        actions: frame-mAP@0.5 in [0, 1]: actors and what they do.
        actors: frame-AP@0.5 in [0, 1] of actors, whatever they do.
        predictions: Those in some key frames, spread over the videos.
    """

    actions: float
    actors: float
    predictions: tuple[KeyFramePrediction, ...]


class Validation:
    """Key frames of recordings, spread evenly over each video, and what they show.

    Args:
        sets: Recordings with the detector's labels.
        detector: Its entry gives the size of the input, the frames and the rate.

    Raises:
        EvaluationError: No key frame shows an actor that does something.
        AnnotationError: A video cannot be read.
    """

    def __init__(self, sets: Sequence[AnnotatedVideos], detector: TrainableAdapter) -> None:
        self.detector = detector
        all_videos = [(videos, v) for videos in sets for v in range(len(videos.videos))]
        self.keys = [
            KeyFrame(videos, v, int(number), row)
            for row, (videos, v) in enumerate(all_videos)
            for number in key_frames(videos.videos[v])
        ]
        labels = dict(enumerate(detector.entry.labels))
        self.truths = [
            _truth(key.videos.clip(key.video, np.array([key.number]))) for key in self.keys
        ]
        rows = [_true(key, truth) for key, truth in zip(self.keys, self.truths, strict=True)]
        self.actions = self._ground_truth([actions for actions, _ in rows], labels)
        self.actors = self._ground_truth([actors for _, actors in rows], ANY_ACTION)

    def measure(self, network: nn.Module, device: torch.device) -> ValidationResult:
        """Return how well a network of the detector's kind does; it is left in evaluation mode."""
        network.eval()
        actions: list[FrameBoxes] = []
        actors: list[FrameBoxes] = []
        kept: list[KeyFramePrediction] = []
        spacing = max(1, len(self.keys) // PICTURES)
        bar = tqdm(self.keys, 'measure', unit='frame', leave=False, disable=None)
        for index, (key, truth) in enumerate(zip(bar, self.truths, strict=True)):
            prediction = self.predict(key, network, device)
            found = _predicted(key, prediction, truth.size)
            actions.append(found[0])
            actors.append(found[1])
            if index % spacing == 0 and len(kept) < PICTURES:
                kept.append(prediction)
        return ValidationResult(
            actions=frame_map(self.actions, join(actions), PROTOCOL).value,
            actors=frame_map(self.actors, join(actors), PROTOCOL).value,
            predictions=tuple(kept),
        )

    def _ground_truth(self, boxes: Sequence[FrameBoxes], labels: dict[int, str]) -> GroundTruth:
        everything = join(boxes)
        check_truths(NAME, labels, everything.label)
        return GroundTruth(
            path=NAME,
            videos=tuple(str(row) for row in range(1 + max(key.row for key in self.keys))),
            labels=labels,
            boxes=everything,
            tubes=None,
            keyframes=np.unique(everything.keys),
        )

    def predict(
        self, key: KeyFrame, network: nn.Module, device: torch.device
    ) -> KeyFramePrediction:
        """Return what a network in evaluation mode predicts in a key frame."""
        how, entry = self.detector.entry.preprocessing, self.detector.entry
        step = key.videos.videos[key.video].fps / entry.rate
        offsets = np.round(np.arange(1 - self.detector.span, 1) * step).astype(np.int64)
        clip = key.videos.clip(key.video, np.clip(key.number + offsets, 0, None))
        images = torch.from_numpy(clip.images).permute(0, 3, 1, 2).to(device)
        images = vision.resize(images, [how.height, how.width], antialias=True)
        return KeyFramePrediction(images[-1], self.detector.find(images.transpose(0, 1), network))


def key_frames(video: Video) -> np.ndarray:
    """Return the frames of a video that are measured, int64: evenly spread over those known."""
    known = np.arange(video.frames) if video.labelled is None else video.labelled
    count = min(KEY_FRAMES, len(known))
    return known[((np.arange(count) + 0.5) * len(known) / max(1, count)).astype(np.int64)]


def _truth(clip: LabelledClip) -> KeyFrameTruth:
    """Return what the frame of a clip of one shows."""
    height, width = clip.images.shape[1:3]
    visible = clip.visible[0]
    return KeyFrameTruth(clip.boxes[0][visible], clip.actions[0][visible], (height, width))


def _true(key: KeyFrame, truth: KeyFrameTruth) -> tuple[FrameBoxes, FrameBoxes]:
    """Return a frame's boxes of actions, and of actors whatever they do."""
    ones = np.ones((len(truth.boxes), 1))
    doing = np.nonzero(truth.actions > 0)
    return (
        _boxes(key, truth.boxes, truth.actions, *doing),
        _boxes(key, truth.boxes, ones, *np.nonzero(ones)),
    )


def _predicted(
    key: KeyFrame, prediction: KeyFramePrediction, size: Sequence[int]
) -> tuple[FrameBoxes, FrameBoxes]:
    """Return the same of a prediction, in pixels of a recording of this height and width."""
    boxes = prediction.boxes_in(size).numpy()
    actions = prediction.actors.actions.double().cpu().numpy()
    scores = prediction.actors.scores.double().cpu().numpy()[:, None]
    likely = np.nonzero(actions >= LEAST_SCORE)
    return _boxes(key, boxes, actions, *likely), _boxes(key, boxes, scores, *np.nonzero(scores))


def _boxes(
    key: KeyFrame, boxes: np.ndarray, scores: np.ndarray, actor: np.ndarray, label: np.ndarray
) -> FrameBoxes:
    """Return boxes (N, 4) with scores (N, C) as rows for the chosen pairs of actor and label."""
    return FrameBoxes(
        video=np.full(len(actor), key.row, np.int64),
        frame=np.full(len(actor), key.number, np.int64),
        label=label.astype(np.int64),
        boxes=boxes[actor].astype(np.float64),
        scores=scores[actor, label].astype(np.float64),
    )
