"""Check who crosses the camera's way: by where it looks then, not by where it looked at first."""

import math

import numpy as np
import pytest

from actloc_ros.frames import seconds
from actloc_ros.synth import motions
from actloc_ros.synth.camera import CameraPath
from actloc_ros.synth.crossing import LANE, crossings
from actloc_ros.synth.script import Segment


class Looking(CameraPath):
    """A camera that stands somewhere and turns evenly."""

    def __init__(self, place=(0.0, 0.0), heading=0.0, turning=0.0):
        super().__init__(np.random.default_rng(1))
        self.place, self.first, self.turning = place, heading, turning

    def on_ground(self, time):
        """Return where it stands and how far it has turned."""
        return *self.place, self.first + self.turning * time


def walk(begin, finish, label='walking', start=2.0, end=8.0):
    return Segment(start, end, (label,), motions.stand, begin, finish, 0.0)


def interval(segment, camera):
    """Return start and end in s of the one crossing, or None."""
    found = crossings([segment], camera)
    assert len(found) <= 1
    return (seconds(found[0].start), seconds(found[0].end)) if found else None


def test_a_crossing_lasts_while_the_lane_is_taken():
    start, end = interval(walk((4, -3), (4.5, 3)), Looking())
    assert 2 < start < end < 8
    for time in (start, end):
        assert abs(walk((4, -3), (4.5, 3)).place(time)[1]) == pytest.approx(LANE, abs=0.05)


@pytest.mark.parametrize(
    'segment',
    [
        walk((4, -3), (4, -1.3)),  # stays beside it
        walk((4, -3), (4, -1.18)),  # is in it too shortly to matter
        walk((2, -1), (6, 1)),  # along the way rather than across
        walk((-4, -3), (-4, 3)),  # behind the camera
        walk((4, -3), (4, 3), label='standing'),
    ],
)
def test_other_ways_are_no_crossings(segment):
    assert interval(segment, Looking()) is None


def test_what_comes_later_does_not_matter():
    far, near = walk((4, -3), (4, 3), end=8.0), walk((4, -3), (4, 0), end=5.0)
    (start, _), (stopped_start, stop) = interval(far, Looking()), interval(near, Looking())
    assert stopped_start == pytest.approx(start, abs=0.1)  # in the lane, though not yet across
    assert stop == pytest.approx(5.0, abs=0.1)


def test_a_turning_camera_ends_a_crossing():
    segment = walk((5, -1), (5, 1))
    start, end = interval(segment, Looking(heading=-0.3, turning=0.12))
    assert start == pytest.approx(2.0, abs=0.1)
    # Here the camera looks along the walk so far that it is no longer across.
    assert end < interval(segment, Looking())[1] - 0.5


def test_where_the_camera_looks_decides():
    across, along = walk((4, -3), (4, 3)), walk((2, 4), (7, 4))
    assert interval(across, Looking()) is not None
    assert interval(along, Looking()) is None
    turned = Looking(heading=math.pi / 2, place=(4, 0))
    assert interval(across, turned) is None
    assert interval(along, turned) is not None


def test_a_turning_camera_moves_the_lane():
    segment = walk((5, -3), (5, 3))
    still, turning = interval(segment, Looking()), interval(segment, Looking(turning=0.05))
    assert turning[0] > still[0] + 0.5
    x, y = segment.place(turning[0])
    heading = 0.05 * turning[0]
    aside = math.cos(heading) * y - math.sin(heading) * x
    assert abs(aside) == pytest.approx(LANE, abs=0.05)


def test_a_camera_that_turns_past_somebody_who_stands_is_not_crossed():
    standing = walk((4, 0), (4, 0), label='standing')
    assert interval(standing, Looking(heading=-0.6, turning=0.2)) is None


def test_a_camera_and_its_image_agree_on_where_it_is():
    path = CameraPath(np.random.default_rng(7))
    camera = path.at(3.7, 320, 240)
    assert path.on_ground(3.7) == pytest.approx((*camera.position[:2], camera.heading))
    assert path.on_ground(0.0) == (0.0, 0.0, 0.0)
