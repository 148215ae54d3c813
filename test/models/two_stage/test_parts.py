"""Check the parts of a two-stage model: who finds people, and how their clips are cut."""

from pathlib import Path

import numpy as np
import pytest
import torch

from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.io.sources import open_source
from actloc_ros.models.detectors.base import DeviceImage
from actloc_ros.models.detectors.external_boxes import read_boxes
from actloc_ros.models.detectors.hog import HogDetector
from actloc_ros.models.detectors.torchvision_detectors import NetworkDetector
from actloc_ros.models.ops.squares import cut
from actloc_ros.models.two_stage.crops import TrackBoxes

SECOND = NANOSECONDS


def view(image: np.ndarray, zoom: int = 1, camera: str = '', stamp: int = 0) -> DeviceImage:
    pixels = torch.from_numpy(image[::zoom, ::zoom].copy()).permute(2, 0, 1)
    return DeviceImage(Frame(camera, stamp, image), pixels)


def walk(tube: TrackBoxes, times: list[float]) -> None:
    """An actor 40 wide and 100 high walks to the right at 50 pixels a second."""
    for t in times:
        tube.add(round(t * SECOND), np.array([50 * t, 100, 50 * t + 40, 200], np.float32))


def test_squares_follow_the_actor_with_context() -> None:
    tube = TrackBoxes(2 * SECOND)
    walk(tube, np.arange(0, 2.01, 0.1).tolist())
    squares = tube.squares([SECOND // 2, SECOND])
    centres = [20 + 25, 20 + 50]
    expected = [[x - 75, 150 - 75, x + 75, 150 + 75] for x in centres]
    np.testing.assert_allclose(squares, expected, atol=1e-3)


def test_squares_are_interpolated_where_the_actor_was_not_seen() -> None:
    tube = TrackBoxes(2 * SECOND)
    walk(tube, [0.0, 0.1, 1.9, 2.0])
    (square,) = tube.squares([SECOND])
    np.testing.assert_allclose(square, [20 + 50 - 75, 75, 20 + 50 + 75, 225], atol=1e-3)


def test_squares_before_the_first_sight_are_held() -> None:
    tube = TrackBoxes(2 * SECOND)
    walk(tube, [3.0])
    first, last = tube.squares([0, 3 * SECOND])
    np.testing.assert_allclose(first, last)


def test_squares_are_smooth() -> None:
    tube, rng = TrackBoxes(2 * SECOND), np.random.default_rng(0)
    for i in range(61):
        tube.add(i * SECOND // 30, np.array([50, 100, 90, 200]) + rng.normal(0, 5, 4))
    squares = tube.squares([i * SECOND // 30 for i in range(20, 40)])
    assert np.diff(squares, axis=0).std() < 2, 'the boxes jump by 7 pixels'


def test_old_boxes_are_let_go() -> None:
    tube = TrackBoxes(SECOND)
    walk(tube, np.arange(0, 100, 0.1).tolist())
    assert len(tube._past) < 20


def test_cut_repeats_pixels_at_the_edges() -> None:
    image = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 4)
    inside = cut(image, np.array([1.0, 0.0, 3.0, 2.0]))
    assert inside.tolist() == [[[1, 2], [5, 6]]]
    corner = cut(image, np.array([-1.2, 0.9, 1.8, 3.9]))
    assert corner.tolist() == [[[4, 4, 5], [8, 8, 9], [8, 8, 9]]]
    assert cut(image, np.array([2.0, 2.0, 2.1, 2.1])).shape == (1, 1, 1)
    assert cut(image, np.array([50.0, 50.0, 52.0, 52.0])).tolist() == [[[11, 11], [11, 11]]]


class Finds(torch.nn.Module):
    """A detection network that knows what is in every image: in the form of torchvision's."""

    def forward(self, images: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        """Return two people, one of them hardly, and a dog."""
        assert all(0 <= float(image.min()) <= float(image.max()) <= 1 for image in images)
        return [
            {
                'boxes': torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8], [2, 2, 4, 4]]),
                'labels': torch.tensor([1, 18, 1]),
                'scores': torch.tensor([0.9, 0.8, 0.05]),
            }
            for _ in images
        ]


def test_a_network_finds_people_in_pixels_of_the_frame() -> None:
    image = np.full((40, 60, 3), 200, np.uint8)
    small, large = NetworkDetector(Finds(), person=1).detect([view(image, 2), view(image)])
    assert small.boxes.tolist() == [[2, 4, 6, 8]]
    assert large.boxes.tolist() == [[1, 2, 3, 4]]
    np.testing.assert_allclose(small.scores, [0.9])
    assert small.actions.shape == (1, 0)


def test_hog_finds_people_in_real_footage(shared: Path) -> None:
    """Someone walks alone through the view from 3 s on."""
    detector, found = HogDetector(), 0
    video = next((shared / 'data' / 'people').glob('*.mp4'))
    for index, frame in enumerate(open_source(video)):
        if index >= 60:
            break
        if index >= 30 and index % 3 == 0:
            (people,) = detector.detect([view(frame.image)])
            found += bool(len(people))
    assert found >= 5


def test_boxes_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / 'boxes.csv'
    path.write_text(
        'stamp,camera,x1,y1,x2,y2,score\n7,a,1,2,3,4,0.5\n7,a,5,6,7,8,\n7,b,0,0,1,1,1\n'
    )
    detector = read_boxes(path)
    image = np.zeros((10, 10, 3), np.uint8)
    first, second, none = detector.detect(
        [view(image, camera='a', stamp=7), view(image, camera='b', stamp=7), view(image, stamp=7)]
    )
    assert first.boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert first.scores.tolist() == [0.5, 1]
    assert (len(second), len(none)) == (1, 0)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'lacks the columns camera, stamp'),
        ('camera,stamp,x1,y1,x2\n', 'lacks the columns y2'),
        ('camera,stamp,x1,y1,x2,y2\n,5,1,2,3,wide\n', 'line 2.*wide'),
        ('camera,stamp,x1,y1,x2,y2\n,5\n', 'line 2'),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / 'boxes.csv'
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_boxes(path)
