"""Check that the classic localizer finds who is there and says rightly how they move."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import Detections, Localizer, LocalizerOptions
from actloc_ros.models.motion.localizer import MotionLocalizer
from actloc_ros.models.open import open_localizer
from actloc_ros.models.vision.candidates import overlaps
from actloc_ros.models.vision.kinematics import Kinematics

SIZE = (320, 240)
LEFT, RIGHT, STILL, NEARER, FURTHER = (
    'moving_left',
    'moving_right',
    'still',
    'approaching',
    'receding',
)


def texture(seed: int, width: int, height: int, grain: float = 2.0) -> np.ndarray:
    """Return a random uint8 image with detail of `grain` pixels."""
    noise = np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), grain)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


BACKDROP = texture(1, 1200, 500, 3.0)
FIGURE = texture(2, 50, 110, 2.0)


def view(
    figure: tuple[float, float, float] | None, pan: float = 0.0, size: tuple[int, int] = SIZE
) -> np.ndarray:
    """Return an image of a textured figure before a textured wall.

    `figure` is its centre x and y in the image and its size as a factor; `pan` is how far, in
    pixels, the wall has moved to the left.
    """
    shift = np.array([[1, 0, -200 - pan], [0, 1, -100]], np.float32)
    image = cv2.warpAffine(BACKDROP, shift, SIZE)
    if figure is not None:
        x, y, zoom = figure
        height, width = FIGURE.shape[:2]
        place = np.array([[zoom, 0, x - zoom * width / 2], [0, zoom, y - zoom * height / 2]])
        cv2.warpAffine(FIGURE, place, SIZE, image, borderMode=cv2.BORDER_TRANSPARENT)
    return image if size == SIZE else cv2.resize(image, size)


def play(images: list[np.ndarray], rate: float, localizer: Localizer | None = None):
    """Return the detections for each image."""
    localizer = localizer or MotionLocalizer(LocalizerOptions())
    frames = [Frame('', nanoseconds(1 + i / rate), image) for i, image in enumerate(images)]
    return [localizer.step([frame])[0] for frame in frames]


def best(found: Detections) -> str:
    """Return the label of the actor with the highest score."""
    assert len(found)
    return MotionLocalizer.labels[int(found.actions[found.scores.argmax()].argmax())]


def walk(speed: float, pan: float, rate: float = 25.0, seconds: float = 1.6) -> list[np.ndarray]:
    """Return images of a figure that moves at `speed` px/s in the image before a panning wall."""
    times = np.arange(round(seconds * rate)) / rate
    start = 160 - speed * seconds / 2
    return [view((start + speed * t, 130, 1.0), pan * t) for t in times]


@pytest.mark.parametrize('pan', [0.0, 60.0, -40.0])
@pytest.mark.parametrize(('speed', 'label'), [(-70.0, LEFT), (70.0, RIGHT)])
def test_direction_is_against_the_background(speed: float, label: str, pan: float) -> None:
    found = play(walk(speed - pan, pan), 25)[-1]
    assert best(found) == label
    assert found.actions.max() > 0.5


@pytest.mark.parametrize('pan', [0.0, 50.0])
@pytest.mark.parametrize(('growth', 'label'), [(0.35, NEARER), (-0.35, FURTHER)])
def test_growing_is_approaching(growth: float, label: str, pan: float) -> None:
    times = np.arange(40) / 25
    zooms = 1.1 * np.exp(growth * (times - 0.8))
    images = [
        view((200 - pan * t, 125, zoom), pan * t) for t, zoom in zip(times, zooms, strict=True)
    ]
    found = play(images, 25)[-1]
    assert best(found) == label
    assert found.actions.max() > 0.5


def test_an_actor_who_stops_is_still() -> None:
    images = walk(60, 0)
    images += [images[-1]] * 15
    found = play(images, 25)
    assert best(found[39]) == RIGHT
    assert best(found[-1]) == STILL
    assert found[-1].actions[0].max() == found[-1].actions[0, 0]


@pytest.mark.parametrize('pan', [0.0, 80.0])
def test_a_view_without_actors_has_none(pan: float) -> None:
    found = play([view(None, pan * i / 25) for i in range(40)], 25)
    assert not any((each.scores >= 0.5).any() for each in found)
    assert sum(len(each) for each in found) <= 4


def test_noise_moves_no_one() -> None:
    rng = np.random.default_rng(0)
    wall = view(None).astype(float)
    noisy = [wall + rng.normal(0, 6, wall.shape) for _ in range(30)]
    found = play([np.clip(image, 0, 255).astype(np.uint8) for image in noisy], 25)
    assert not any((each.scores >= 0.5).any() for each in found)


def motion_of(localizer: MotionLocalizer, camera: str = '') -> Kinematics:
    actors = localizer._cameras[camera].actors.values()
    return max(actors, key=lambda actor: actor.score).motion


def test_speeds_are_by_stamps_and_not_by_frames() -> None:
    images = walk(60, 0, rate=25)
    slow, fast = (MotionLocalizer(LocalizerOptions()) for _ in range(2))
    assert best(play(images, 12.5, slow)[-1]) == best(play(images, 25, fast)[-1]) == RIGHT
    assert motion_of(fast).sideways == pytest.approx(2 * motion_of(slow).sideways, rel=0.15)
    assert motion_of(fast).sideways == pytest.approx(60 / 110, rel=0.25)


@pytest.mark.parametrize('rate', [5, 10, 60])
def test_any_rate_gives_the_same_speed(rate: int) -> None:
    localizer = MotionLocalizer(LocalizerOptions())
    assert best(play(walk(-60, 0, rate=rate), rate, localizer)[-1]) == LEFT
    assert motion_of(localizer).sideways == pytest.approx(-60 / 110, rel=0.3)


def test_a_camera_that_repeats_images_gives_the_same_label() -> None:
    images = [image for image in walk(60, 0, rate=15) for _ in range(2)]
    assert best(play(images, 30)[-1]) == RIGHT


def test_boxes_follow_the_actor_in_pixels_of_the_original_image() -> None:
    size = (640, 480)
    times = np.arange(40) / 25
    images = [view((90 + 80 * t, 130, 1.0), size=size) for t in times]
    for index, found in list(enumerate(play(images, 25)))[20:]:
        x = 2 * (90 + 80 * times[index])
        truth = np.array([x - 50, 150, x + 50, 370])
        assert overlaps(truth, found.boxes[0])[0] > 0.6


def test_shapes_types_and_ranges() -> None:
    for found in play(walk(60, 0), 25):
        count = len(found)
        assert found.boxes.dtype == found.scores.dtype == found.actions.dtype == np.float32
        assert found.boxes.shape == (count, 4)
        assert found.actions.shape == (count, 5)
        assert found.track_ids is not None
        assert found.track_ids.dtype == np.int64
        assert ((found.actions >= 0) & (found.actions <= 1)).all()
        assert ((found.scores >= 0) & (found.scores <= 1)).all()


def test_an_actor_keeps_one_track() -> None:
    found = play(walk(60, 20), 25)
    ids = {int(each) for step in found[15:] for each in step.track_ids}
    assert len(ids) == 1


def equal(first: Detections, second: Detections) -> bool:
    return (
        np.array_equal(first.boxes, second.boxes)
        and np.array_equal(first.scores, second.scores)
        and np.array_equal(first.actions, second.actions)
        and first.clip == second.clip
    )


def test_after_a_reset_all_is_as_at_first() -> None:
    images = walk(60, 0)
    localizer = MotionLocalizer(LocalizerOptions())
    once = play(images, 25, localizer)
    localizer.reset()
    again = play(images, 25, localizer)
    assert all(equal(a, b) for a, b in zip(once, again, strict=True))
    assert len(once[-1]) == 1


@pytest.mark.parametrize('break_', ['gap', 'size', 'back'])
def test_a_break_begins_afresh_with_new_tracks(break_: str) -> None:
    images = walk(60, 0)
    localizer = MotionLocalizer(LocalizerOptions(restart_gap=1.0))
    old = play(images, 25, localizer)[-1]
    size = (400, 300) if break_ == 'size' else SIZE
    later = {'gap': 10.0, 'size': 2.7, 'back': 0.5}[break_]
    fresh = [cv2.resize(image, size) for image in images]
    new = [
        localizer.step([Frame('', nanoseconds(later + i / 25), image)])[0]
        for i, image in enumerate(fresh)
    ]
    assert new[0].clip.missing == 1
    assert best(new[-1]) == RIGHT
    assert set(new[-1].track_ids).isdisjoint(old.track_ids)


def test_cameras_keep_apart_in_one_step() -> None:
    left, right = walk(-60, 0), walk(60, 0)
    localizer = MotionLocalizer(LocalizerOptions())
    for i in range(len(left)):
        stamp = nanoseconds(1 + i / 25)
        frames = [Frame('left', stamp, left[i]), Frame('right', stamp, right[i])]
        found = localizer.step(frames)
    assert [best(each) for each in found] == [LEFT, RIGHT]
    assert equal(found[1], play(right, 25)[-1])
    localizer.reset('left')
    found = localizer.step([Frame('right', stamp + nanoseconds(1 / 25), right[-1])])
    assert best(found[0]) == RIGHT


@pytest.mark.parametrize('size', [(1, 1), (7, 3), (40, 400), (64, 64), (2000, 16), (33, 480)])
def test_odd_sizes_are_taken(size: tuple[int, int]) -> None:
    images = [cv2.resize(image, size) for image in walk(60, 0)[:12]]
    found = play(images, 10)
    assert len(found) == 12


@pytest.mark.parametrize('value', [0, 255])
def test_plain_images_hold_no_one(value: int) -> None:
    found = play([np.full((240, 320, 3), value, np.uint8)] * 8, 10)
    assert all(len(each) == 0 for each in found)


def test_walkers_are_found_and_told_as_their_boxes_move(shared: Path) -> None:
    """The direction that is reported is the one in which the box goes, in real footage."""
    source = open_source(shared / 'data/people/one-by-one-person-detection.mp4')
    localizer = open_localizer('motion', LocalizerOptions())
    tracks: dict[int, list[tuple[float, np.ndarray]]] = {}
    for frame in islice(source, 170, 280):
        found = localizer.step([frame])[0]
        for track_id, box, actions in zip(found.track_ids, found.boxes, found.actions, strict=True):
            tracks.setdefault(int(track_id), []).append((box[[0, 2]].mean(), actions))
    right = wrong = 0
    for places in tracks.values():
        for (before, _), (now, actions) in zip(places[:-3], places[3:], strict=True):
            if actions[1:3].max() >= 0.5 and abs(now - before) > 15:
                agrees = (now > before) == (actions[2] > actions[1])
                right, wrong = right + agrees, wrong + (not agrees)
    assert right >= 10
    assert wrong <= 0.1 * right
