"""Footage that is filmed again: steady, of its own size, and the same for the same seed."""

import numpy as np
import pytest

from actloc_ros.training.skeleton_n.footage.refilm import SIZES, draw_refilm

SIZE = (640, 480)


def frame():
    image = np.full((SIZE[1], SIZE[0], 3), 60, np.uint8)
    image[200:280, 280:360] = 250
    return image


@pytest.mark.parametrize('seed', range(12))
def test_frames_have_the_new_size_and_are_made_alike_again(seed):
    film = draw_refilm(np.random.default_rng(seed), SIZE)
    view = film(frame(), 3)
    assert film.size in SIZES
    assert view.shape == (film.size[1], film.size[0], 3)
    assert view.dtype == np.uint8
    again = draw_refilm(np.random.default_rng(seed), SIZE)
    np.testing.assert_array_equal(again(frame(), 3), view)


def test_a_clip_keeps_its_camera_while_noise_changes():
    films = (draw_refilm(np.random.default_rng(seed), SIZE) for seed in range(40))
    film = next(film for film in films if film.noise and film.cover is None)
    first, second = film(frame(), 0).astype(int), film(frame(), 1).astype(int)
    assert (first != second).any()
    middle = film.homography @ [320, 240, 1]
    column, row = np.round(middle[:2] / middle[2]).astype(int)
    for view in (first, second):
        near = view[max(0, row - 4) : row + 4, max(0, column - 4) : column + 4]
        assert near.mean() > view.mean() + 10


def test_what_stands_in_front_hides_the_same_place():
    films = (draw_refilm(np.random.default_rng(seed), SIZE) for seed in range(40))
    film = next(film for film in films if film.cover is not None and not film.noise)
    x1, y1, x2, y2, _ = film.cover
    inner = film(frame(), 0)[y1 + 8 : y2 - 8, x1 + 8 : x2 - 8]
    assert np.ptp(inner.mean(axis=-1)) < 12
