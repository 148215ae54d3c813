"""Make networks' inputs of images, on the device, as a checkpoint's entry says."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize

from actloc_ros.models.entry import Colour, Preprocessing, Resize

FILTERS = {
    Resize.NEAREST: (InterpolationMode.NEAREST, False),
    Resize.BILINEAR: (InterpolationMode.BILINEAR, False),
    Resize.BILINEAR_ANTIALIASED: (InterpolationMode.BILINEAR, True),
    Resize.BICUBIC: (InterpolationMode.BICUBIC, False),
    Resize.BICUBIC_ANTIALIASED: (InterpolationMode.BICUBIC, True),
}


def upload(image: np.ndarray, device: torch.device) -> Tensor:
    """Return an RGB image on the device: uint8 (H, W, 3) -> uint8 (3, H, W), channels last."""
    pixels = torch.from_numpy(np.ascontiguousarray(image))
    if device.type == 'cuda':
        pixels = pixels.pin_memory().to(device, non_blocking=True)
    return pixels.permute(2, 0, 1)


def preprocess(image: Tensor, how: Preprocessing, dtype: torch.dtype) -> Tensor:
    """Return an RGB image as network input: uint8 (3, H, W) -> `dtype` (3, height, width)."""
    interpolation, antialias = FILTERS[how.resize]
    small = resize(image, [how.height, how.width], interpolation, antialias=antialias)
    return normalize(small, how, dtype)


def normalize(image: Tensor, how: Preprocessing, dtype: torch.dtype) -> Tensor:
    """Return RGB images in the network's colours and range: uint8 (..., 3, H, W) -> `dtype`."""
    if how.colour is Colour.BGR:
        image = image.flip(-3)
    pixels = image.float() * (how.maximum / 255)
    if any(how.mean):
        pixels = pixels - _column(how.mean, image.device)
    if set(how.std) != {1.0}:
        pixels = pixels / _column(how.std, image.device)
    return pixels.to(dtype)


def _column(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return a value a channel, to be spread over pixels."""
    return torch.tensor(values, device=device)[:, None, None]
