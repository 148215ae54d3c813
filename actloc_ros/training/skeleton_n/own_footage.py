"""Find joints in footage that may teach by `people_n` itself: what skeleton_n will be given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from actloc_ros.files import write_whole
from actloc_ros.models.people.open import PEOPLE_N, PeopleNetwork, open_people
from actloc_ros.models.skeleton_n.features import JOINTS
from actloc_ros.training.people_n.pictures import decode_frames
from actloc_ros.training.skeleton_n.motion_data import Footage

EVERY = 2
"""Of so many frames, one is taken: the videos have 30 a second."""


def read_own_footage(videos: Path, stored: Path, clips: Sequence[Footage]) -> list[Footage]:
    """Return joints by `people_n` of those clips whose videos are at home.

    Args:
        videos: real/video.
        stored: File in which the joints are kept; it is made where it is not there.
        clips: The clips by another network: names, times and targets.
    """
    chosen = {clip.name: clip for clip in clips if (videos / f'home/{clip.name}.mp4').exists()}
    if not stored.exists():
        network = open_people(PEOPLE_N, 'cpu', 1)
        found = {
            name: find_person(network, videos / f'home/{name}.mp4', len(clip.times[::EVERY]))
            for name, clip in sorted(chosen.items())
        }
        with write_whole(stored) as file:
            np.savez(file, allow_pickle=False, **found)
    with np.load(stored) as data:
        return [_with(clip, data[name]) for name, clip in sorted(chosen.items())]


def find_person(network: PeopleNetwork, video: Path, frames: int) -> np.ndarray:
    """Return the likeliest person of each of the first frames, EVERY by EVERY: float32 (T, 56).

    A row is a box, score 0 where nobody is found, and 17 joints (x, y, confidence) after it.
    """
    rows = np.zeros((frames, 5 + 3 * JOINTS), np.float32)
    for number, image in decode_frames(video, None, EVERY):
        found = network.detect(image, network.weakest)
        if number // EVERY < frames and len(found.scores):
            best = network.refine(image, found[[int(found.scores.argmax())]])
            rows[number // EVERY] = np.concatenate(
                [best.boxes[0], best.scores, best.joints[0].ravel()]
            )
    return rows


def _with(clip: Footage, rows: np.ndarray) -> Footage:
    """Return a clip with what `find_person` found in it."""
    found = rows[:, 4] > 0
    boxes = np.where(found[:, None], rows[:, :4], np.nan)
    joints = rows[:, 5:].reshape(-1, JOINTS, 3)
    return replace(
        clip,
        source=PEOPLE_N,
        times=clip.times[::EVERY],
        targets=clip.targets[::EVERY],
        joints=joints,
        boxes=boxes,
        found=found,
    )
