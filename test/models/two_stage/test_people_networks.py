"""A people network as a file is the first stage of two-stage models, and finds people in clips."""

from pathlib import Path

import numpy as np
import pytest
from people_files import describe, write_network

from actloc_ros.datasets.readers import open_dataset
from actloc_ros.datasets.spec import DatasetSpec
from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.open import open_localizer

IMAGE = np.full((48, 96, 3), 90, np.uint8)


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """Return the description of a network that finds one person in every image."""
    boxes = np.array([[[8, 16, 40, 48, 0.9]]], np.float32)
    write_network(tmp_path / 'x.onnx', {'dets': boxes, 'labels': np.array([[0]], np.int64)})
    return describe(tmp_path / 'x.yaml')


def test_it_is_the_first_stage_of_two(detector: Path) -> None:
    options = LocalizerOptions(random_weights=True, device='cpu', threads=1)
    localizer = open_localizer(f'{detector}+mc3_18', options)
    (found,) = localizer.step([Frame('', 7, IMAGE)])
    assert found.boxes.tolist() == [[12, 24, 60, 48]]
    assert found.actions.shape == (1, 400)


def test_it_finds_people_in_clips(detector: Path, tmp_path: Path) -> None:
    clips = tmp_path / 'clips'
    (clips / 'walk').mkdir(parents=True)
    with VideoWriter(clips / 'walk' / 'a.mp4', 10) as writer:
        for i in range(4):
            writer.write(i * NANOSECONDS // 10, IMAGE)
    found = open_dataset(DatasetSpec('.', 'clips', boxes=str(detector)), clips)
    (track,) = found.videos[0].tracks
    assert track.boxes.tolist() == [[12, 24, 60, 48]] * 4
    assert (clips / 'boxes_x.yaml.json').is_file()
