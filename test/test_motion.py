"""Check that the classic localizer finds who is there and says rightly how they move."""

import cv2
import numpy as np
import pytest

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.localizer import Detections, LocalizerOptions
from actloc_ros.models.motion import MotionLocalizer

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


def play(images: list[np.ndarray], rate: float, localizer: MotionLocalizer | None = None):
    """Return the detections for each image."""
    localizer = localizer or MotionLocalizer(LocalizerOptions())
    frames = [Frame('', nanoseconds(1 + i / rate), image) for i, image in enumerate(images)]
    return [localizer.step([frame])[0] for frame in frames]


def best(found: Detections) -> str:
    """Return the label of the one actor."""
    assert len(found) == 1, found
    return MotionLocalizer.labels[int(found.actions[0].argmax())]


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
