"""Compute a recording's two-stream I3D features, or read those that a user has.

As for THUMOS14: 16 frames at 30 Hz, a feature every 4 frames, RGB and optical flow, 1024 numbers
each. The published features have flow by TV-L1; here it is by DIS (OpenCV), so that they differ.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from actloc_ros.files import one_line
from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.models.errors import ModelError, WeightsError

RATE, STRIDE, WINDOW = 30.0, 4, 16  # Hz, frames, frames
SHORT_SIDE, SIZE = 256, 224  # px: images are resized to the first, and their centre is cut out
FLOW_LIMIT = 20.0  # px: longer motion is cut off
BATCH = 4  # windows computed at once

Network = Callable[[Tensor], tuple[Tensor, Tensor]]


class I3dFeatures:
    """Computes features while frames come in.

    Args:
        rgb: I3D of RGB, on the device.
        flow: I3D of optical flow.
        device: Where they run.
    """

    def __init__(self, rgb: nn.Module, flow: nn.Module, device: torch.device) -> None:
        self._networks, self._device = (rgb, flow), device
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._first: int | None = None
        self._ticks = 0  # of 30 Hz that have a frame
        self._newest: np.ndarray | None = None
        self._images: list[np.ndarray] = []  # from the start of the next window on
        self._flows: list[np.ndarray] = []
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._found: list[np.ndarray] = []

    def push(self, frame: Frame) -> None:
        """Add the next frame; at other rates than 30 Hz frames are repeated or left out."""
        if self._first is None:
            self._first = frame.stamp
        image = _resized(frame.image)
        if self._newest is not None and image.shape != self._newest.shape:
            raise ModelError("the image's size changes within the recording; split it there")
        due = round((frame.stamp - self._first) / NANOSECONDS * RATE)
        while self._ticks < due and self._newest is not None:
            self._tick(self._newest)
        if self._ticks == due:
            self._tick(image)
        self._newest = image

    def finish(self) -> np.ndarray:
        """Return the features of all frames: float32 (T, 2048).

        Raises:
            ModelError: There are fewer frames than one feature sees.
        """
        self._compute()
        if not self._found:
            raise ModelError(
                f'the recording has {self._ticks} frames at {RATE:g} Hz; one feature takes '
                f'{WINDOW + 1}'
            )
        return np.concatenate(self._found)

    def _tick(self, image: np.ndarray) -> None:
        """Add a frame of 30 Hz; motion belongs to the earlier one of two."""
        if self._images:
            self._flows.append(self._motion(self._images[-1], image))
        self._images.append(image)
        self._ticks += 1
        if len(self._flows) < WINDOW:
            return
        rgb = np.stack([_centre(each) for each in self._images[:WINDOW]])
        self._waiting.append((rgb, np.stack(self._flows[:WINDOW])))
        del self._images[:STRIDE], self._flows[:STRIDE]
        if len(self._waiting) == BATCH:
            self._compute()

    def _motion(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return float32 (224, 224, 2) in [-1, 1]."""
        grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (first, second)]
        flow = self._flow.calc(grey[0], grey[1], np.zeros((*grey[0].shape, 2), np.float32))
        return _centre(np.asarray(flow)).clip(-FLOW_LIMIT, FLOW_LIMIT) / FLOW_LIMIT

    @torch.inference_mode()
    def _compute(self) -> None:
        if not self._waiting:
            return
        rgb, flow = (np.stack(part) for part in zip(*self._waiting, strict=True))
        self._waiting.clear()
        parts = []
        for network, clips in zip(self._networks, (rgb / 127.5 - 1, flow), strict=True):
            given = torch.from_numpy(clips.astype(np.float32)).permute(0, 4, 1, 2, 3)
            parts.append(network(given.to(self._device))[1].mean((2, 3, 4)))
        self._found.append(torch.cat(parts, 1).float().cpu().numpy())


def read_features(path: Path, channels: int) -> np.ndarray:
    """Read features from a NumPy file: float32 (T, channels).

    Raises:
        WeightsError: The file is missing, broken, or of another shape.
    """
    try:
        # Mapped, an array that its file does not hold is refused before it takes memory.
        features = np.load(path, mmap_mode='r', allow_pickle=False)
    except (OSError, ValueError, EOFError, OverflowError, SyntaxError, TokenError) as error:
        raise WeightsError(f'cannot read features from "{path}": {one_line(error)}') from error
    numbers = isinstance(features, np.ndarray) and features.dtype.kind in 'fiu'
    if not numbers or features.ndim != 2 or not len(features):
        raise WeightsError(
            f'"{path}" holds no features; they are an array of numbers (times, {channels})'
        )
    if features.shape[1] != channels:
        raise WeightsError(
            f'"{path}" holds features of shape {features.shape}; this model takes (times, '
            f'{channels})'
        )
    if not np.isfinite(features.astype(np.float64)).all():
        raise WeightsError(f'"{path}" holds features that are not finite')
    return features.astype(np.float32)


def _resized(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    zoom = SHORT_SIDE / min(height, width)
    size = max(SHORT_SIDE, round(width * zoom)), max(SHORT_SIDE, round(height * zoom))
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)


def _centre(image: np.ndarray) -> np.ndarray:
    """Return the middle (224, 224, C) of an image."""
    top, left = ((side - SIZE) // 2 for side in image.shape[:2])
    return image[top : top + SIZE, left : left + SIZE]
