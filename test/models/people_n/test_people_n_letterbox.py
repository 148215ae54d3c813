"""Letterboxes of people_n."""

import numpy as np
import pytest

from actloc_ros.models.people_n.letterbox import PAD, fit_letterbox

SIZES = [(480, 640), (640, 480), (360, 640), (1080, 1920), (288, 288), (97, 401), (2000, 300)]


@pytest.mark.parametrize('size', SIZES)
def test_the_input_is_a_multiple_of_32_with_equal_scale(size):
    letterbox = fit_letterbox(*size, 256 * 320)
    assert letterbox.input[0] % 32 == letterbox.input[1] % 32 == 0
    assert letterbox.input[0] * letterbox.input[1] <= 256 * 320
    down, right = (s / i for s, i in zip(letterbox.scaled, size, strict=True))
    assert abs(down * size[0] - right * size[0]) <= 1
    assert abs(down * size[1] - right * size[1]) <= 1
    assert all(0 <= i - s < 32 for i, s in zip(letterbox.input, letterbox.scaled, strict=True))


def test_a_usual_camera_fills_all_but_a_strip():
    assert fit_letterbox(480, 640, 256 * 320).input == (256, 320)
    assert fit_letterbox(480, 640, 256 * 320).scaled == (240, 320)


@pytest.mark.parametrize('size', SIZES)
def test_boxes_and_points_come_back_to_where_they_were(size):
    letterbox = fit_letterbox(*size, 256 * 320)
    boxes = np.random.default_rng(0).uniform(0, 1, (50, 4)) * np.tile(size[::-1], 2)
    factor = np.array(letterbox.scaled[::-1]) / np.array(size[::-1])
    back = letterbox.boxes_back(boxes * np.tile(factor, 2))
    assert np.abs(back - boxes).max() < 0.01
    assert np.abs(letterbox.points_back(boxes[:, :2] * factor) - boxes[:, :2]).max() < 0.01


def test_what_is_drawn_is_found_where_the_map_says():
    image = np.full((480, 640, 3), 30, np.uint8)
    image[100:200, 300:400] = 250
    letterbox = fit_letterbox(480, 640, 256 * 320)
    result = letterbox.apply(image)
    ys, xs = np.nonzero(result[..., 0] > 140)
    found = letterbox.boxes_back(np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]))
    assert np.abs(found - [300, 100, 400, 200]).max() <= 2
    assert (result[240:] == PAD).all()


def test_an_image_of_another_size_is_refused():
    with pytest.raises(ValueError, match='has the size'):
        fit_letterbox(480, 640, 81920).apply(np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(ValueError, match='no input'):
        fit_letterbox(0, 640, 81920)
