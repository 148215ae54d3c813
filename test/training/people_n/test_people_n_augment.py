"""Augmentation for people_n on drawn figures."""

import cv2
import numpy as np
import pytest

from actloc_ros.training.people_n.augment import (
    Augmentation,
    Augmenter,
    boxes_moved,
    clipped,
    moved,
    placement,
)
from actloc_ros.training.people_n.pictures import MIRRORED, People, Picture, encode, parse_people

PLAIN = Augmentation(0, (1, 1), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
LEFT, RIGHT = 5, 6  # shoulders


def drawn(complete=True, ignored=False, group='drawn'):
    """A blue figure on black; its left hand side of the image is red."""
    image = np.zeros((120, 160, 3), np.uint8)
    image[30:90, 60:100] = (0, 0, 255)
    image[30:90, 60:70] = (255, 0, 0)
    joints = np.zeros((17, 3), np.float32)
    joints[:] = 80, 60, 1
    joints[RIGHT] = 65, 40, 1
    joints[LEFT] = 95, 40, 1
    row = {'box': [60, 30, 100, 90], 'ignore': ignored, 'joints': joints.tolist()}
    return Picture('figure', group, encode(image), parse_people([row]), complete)


def outline(image):
    ys, xs = np.nonzero(image.astype(int).max(-1) - image.astype(int).min(-1) > 60)
    return [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('how', ['scale', 'quarter', 'upside_down'])
def test_boxes_stay_on_the_figure(seed, how):
    config = {'scale': (0.6, 1.5)} if how == 'scale' else {how: 1.0}
    augmentation = Augmentation(**{**PLAIN.__dict__, 'aspect': 0.2, **config})
    canvas = Augmenter(augmentation, np.random.default_rng(seed)).canvas([drawn()], (192, 256))
    assert len(canvas.people) == 1
    assert np.abs(canvas.people.boxes[0] - outline(canvas.image)).max() <= 2


@pytest.mark.parametrize('seed', range(6))
def test_mirrors_swap_left_and_right(seed):
    canvas = Augmenter(PLAIN, np.random.default_rng(seed)).canvas([drawn()], (192, 256))
    joints = canvas.people.joints[0]
    # The red side of the figure is its right; in a mirror image it is the left.
    red = canvas.image[..., 0].astype(int) - canvas.image[..., 2] > 60
    middle = np.nonzero(red)[1].mean()
    figure = canvas.people.boxes[0, [0, 2]].mean()
    mirrored = middle > figure
    assert abs(joints[LEFT if mirrored else RIGHT, 0] - middle) < 6
    assert abs(joints[RIGHT if mirrored else LEFT, 0] - middle) > 30


def test_both_ways_occur_and_the_table_is_its_own_inverse():
    sides = {
        bool(np.argmax(c.image[100, :, 0]) > 128)
        for c in (
            Augmenter(PLAIN, np.random.default_rng(s)).canvas([drawn()], (192, 256))
            for s in range(12)
        )
    }
    assert sides == {True, False}
    assert (MIRRORED[MIRRORED] == np.arange(17)).all()


def test_joints_stay_on_the_figure_in_mosaics_of_any_turn():
    config = Augmentation(**{**PLAIN.__dict__, 'free': 1.0, 'scale': (0.8, 1.4)})
    for seed in range(8):
        canvas = Augmenter(config, np.random.default_rng(seed)).canvas([drawn()] * 4, (256, 320))
        for joints in canvas.people.joints:
            for x, y, known in joints:
                if known:
                    around = canvas.image[
                        max(0, int(y) - 3) : int(y) + 4, max(0, int(x) - 3) : int(x) + 4
                    ]
                    assert (around.max((0, 1)).astype(int) - around.min((0, 1)) > 60).any() or (
                        around.astype(int).max(-1) - around.min(-1) > 60
                    ).any()


def test_a_box_turned_by_any_angle_is_not_that_of_its_corners():
    people = parse_people([{'box': [0, 0, 40, 40], 'joints': None}])
    turn = np.deg2rad(45)
    matrix = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0]])
    box = boxes_moved(matrix, people)[0]
    # A circle in the box stays as wide as it was.
    assert box[2] - box[0] == pytest.approx(40, abs=0.01)


def test_a_box_turned_by_45_degrees_holds_its_joints():
    joints = np.zeros((17, 3), np.float32)
    joints[0], joints[1] = (1, 1, 1), (39, 39, 1)
    people = parse_people([{'box': [0, 0, 40, 40], 'joints': joints.tolist()}])
    turn = np.deg2rad(45)
    matrix = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0]])
    result = moved(people, matrix)
    x, y = result.joints[0, 1, :2]
    assert result.boxes[0, 0] <= x <= result.boxes[0, 2]
    assert result.boxes[0, 1] <= y <= result.boxes[0, 3]


def test_people_cut_off_are_ignored_and_their_joints_are_not_there():
    people = drawn().people
    cut = clipped(moved(people, np.array([[1.0, 0, -95], [0, 1, 0]])), (0, 0, 160, 120))
    assert cut.ignored.tolist() == [True]
    half = clipped(moved(people, np.array([[1.0, 0, -80], [0, 1, 0]])), (0, 0, 160, 120))
    assert half.ignored.tolist() == [False]
    assert half.boxes[0].tolist() == [0, 30, 20, 90]
    assert half.joints[0, RIGHT, 2] == 0
    assert half.joints[0, LEFT, 2] == 1
    gone = clipped(moved(people, np.array([[1.0, 0, -200], [0, 1, 0]])), (0, 0, 160, 120))
    assert len(gone) == 0


def test_background_is_what_is_known():
    def background(picture):
        return Augmenter(PLAIN, np.random.default_rng(0)).canvas([picture], (120, 160)).background

    assert background(drawn()).all()
    ignored = background(drawn(ignored=True))
    assert not ignored[60, 80]
    assert ignored[5, 5]
    partial = background(drawn(complete=False))
    assert partial[60, 80]
    assert not partial[5, 5]


def test_covered_joints_are_not_there():
    config = Augmentation(**{**PLAIN.__dict__, 'occlude': 1.0})
    lost = 0
    for seed in range(10):
        people = Augmenter(config, np.random.default_rng(seed)).canvas([drawn()], (192, 256)).people
        lost += int((people.joints[..., 2] == 0).sum())
    assert lost > 10


def test_all_variations_keep_the_size_and_repeat():
    config = Augmentation(*[1.0, (0.5, 1.8), 0.2, 0.4, 0.3, 0.1, 0.3, 10.0, 1, 1, 1, 1, 0.5, 1])
    first, second = (
        Augmenter(config, np.random.default_rng(3)).canvas([drawn()] * 4, (96, 128))
        for _ in range(2)
    )
    assert first.image.shape == (96, 128, 3)
    assert first.image.dtype == np.uint8
    assert (first.image == second.image).all()
    assert (first.people.boxes == second.people.boxes).all()


def test_a_placement_fits_the_area():
    matrix = placement((160, 120), (10, 20, 110, 220), 90, 1.0, 1.0, False, (0, 0))
    corners = np.array([[0, 0], [160, 120]]) @ matrix[:, :2].T + matrix[:, 2]
    assert corners.min(0) == pytest.approx([10, 53.333], abs=0.01)
    assert corners.max(0) == pytest.approx([110, 186.667], abs=0.01)


def test_an_image_that_cannot_be_decoded_is_named():
    none = People(
        *(np.zeros(s, t) for s, t in (((0, 4), 'f4'), (0, '?'), ((0, 17, 3), 'f4'), (0, '?')))
    )
    with pytest.raises(ValueError, match='"torn"'):
        Picture('torn', 'x', b'no', none, True).image()
    assert cv2.__version__
