"""Take frames with annotated boxes out of recordings, for `people_n` to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.io.media import Frames, open_frames
from actloc_ros.joints import COCO_JOINTS
from actloc_ros.models.people_n.decode import FoundPeople, decode
from actloc_ros.models.people_n.letterbox import fit_letterbox
from actloc_ros.models.people_n.network import PeopleNetwork
from actloc_ros.models.people_n.restore import as_reports
from actloc_ros.models.people_n.session import PIXELS
from actloc_ros.training.people_n.measure import compare
from actloc_ros.training.people_n.pictures import People, Picture, encode
from actloc_ros.truth.annotations import Video

MOST_FRAMES = 240  # of all recordings together
CHUNK = 8  # frames that are read at a time
LONGEST = 512  # pixels of a kept picture's longer side
LEAST_SCORE = 0.05
SAME = 0.5  # IoU from which a found person has the annotated box
SURE = 0.3  # confidence from which the network's own joints teach


def read_pictures(sets: Sequence[AnnotatedVideos], network: PeopleNetwork) -> list[list[Picture]]:
    """Return frames of each recording, evenly spread, with their people."""
    count = sum(len(videos.videos) for videos in sets)
    each = max(2, MOST_FRAMES // max(1, count))
    return [_read_video(videos, video, network, each) for videos in sets for video in videos.videos]


def _read_video(
    videos: AnnotatedVideos, video: Video, network: PeopleNetwork, most: int
) -> list[Picture]:
    known = np.arange(video.frames) if video.labelled is None else video.labelled
    chosen = known[np.unique(np.linspace(0, len(known) - 1, most).round().astype(int))]
    frames = open_frames(videos.folder / video.path)
    pictures = []
    for number, image in _images(frames, chosen.tolist()):
        scale = min(1.0, LONGEST / max(image.shape[:2]))
        size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        zoom = np.array([size[0] / video.width, size[1] / video.height])
        people = _people(video, number, zoom, videos.annotations.keypoints)
        taught = with_joints(people, find(network, small))
        name = f'{video.path}#{number}'
        pictures.append(Picture(name, 'footage', encode(small), taught, complete=True))
    frames.close()
    return pictures


def _images(frames: Frames, numbers: list[int]) -> Iterator[tuple[int, np.ndarray]]:
    for first in range(0, len(numbers), CHUNK):
        part = numbers[first : first + CHUNK]
        yield from zip(part, frames.read(part), strict=True)


def _people(video: Video, frame: int, zoom: np.ndarray, names: tuple[str, ...]) -> People:
    """Return who is annotated in a frame, in pixels of the picture."""
    boxes, joints, posed = [], [], []
    columns = [(names.index(name), i) for i, name in enumerate(COCO_JOINTS) if name in names]
    for track in video.tracks:
        at = int(np.searchsorted(track.frames, frame))
        if at == len(track.frames) or track.frames[at] != frame:
            continue
        boxes.append(track.boxes[at] * np.tile(zoom, 2))
        own = np.zeros((len(COCO_JOINTS), 3), np.float32)
        if track.keypoints is not None:
            for source, place in columns:
                xy = track.keypoints[at, source]
                if np.isfinite(xy).all():
                    own[place] = *(xy * zoom), 1
        joints.append(own)
        posed.append(bool(own.any()))
    return People(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.zeros(len(boxes), bool),
        np.array(joints, np.float32).reshape(-1, len(COCO_JOINTS), 3),
        np.array(posed, bool),
    )


def with_joints(people: People, found: FoundPeople) -> People:
    """Return people; who has no joints gets those that the network found there, if it is sure."""
    joints, posed = people.joints.copy(), people.posed.copy()
    overlap, _ = compare(people.boxes, found.boxes)
    for row in np.flatnonzero(~posed) if len(found.boxes) else ():
        best = int(overlap[row].argmax())
        if overlap[row, best] >= SAME:
            joints[row], posed[row] = found.joints[best], True
            # Neither there nor not there: of these it is not sure.
            unsure = joints[row, :, 2] < SURE
            joints[row, unsure, 2] = np.maximum(joints[row, unsure, 2], 1e-3)
    return People(people.boxes, people.ignored, joints, posed)


@torch.no_grad()
def find(network: PeopleNetwork, image: np.ndarray) -> FoundPeople:
    """Return the people that a network finds in an image, uint8 (H, W, 3), RGB."""
    letterbox = fit_letterbox(image.shape[0], image.shape[1], PIXELS)
    given = torch.from_numpy(letterbox.apply(image)).permute(2, 0, 1)[None].float()
    return decode(as_reports(network(given)), letterbox, LEAST_SCORE)
