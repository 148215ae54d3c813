"""Map pictures of people, and sentences, into the one space of a network of words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from actloc_ros.models.entry import Task
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.loading import OpenedNetwork, find_weights, open_network
from actloc_ros.models.ops.preprocessing import preprocess, upload
from actloc_ros.models.ops.runtime import choose_device
from actloc_ros.models.ops.squares import central_square, cut, squares_around
from actloc_ros.models.registry import find_entry
from actloc_ros.models.words.classifier import TEMPLATES, check_activation, encode
from actloc_ros.models.words.clip import Clip
from actloc_ros.models.words.xclip import XClip

BATCH = 8  # pictures at once: bounds memory


class WordsEmbedder:
    """A network of images and words, without labels.

    Attributes:
        name: Of its entry.

    Args:
        opened: The network, in evaluation mode.
        device: Where to run it.
    """

    def __init__(self, opened: OpenedNetwork, device: torch.device) -> None:
        assert isinstance(opened.network, Clip)
        self.name = opened.entry.name
        self._how, self._device = opened.entry.preprocessing, device
        self._network = opened.network.to(device)

    @torch.inference_mode()
    def cut_out(self, image: np.ndarray, box: Sequence[float] | None = None) -> Tensor:
        """Return what the network takes of one picture.

        Args:
            image: uint8 (H, W, 3), RGB.
            box: x1, y1, x2, y2 in pixels of who is meant, shown with what is around them;
                None for the image's central square.
        """
        whole = upload(image, self._device)
        square = (
            central_square(whole) if box is None else squares_around(np.array([box], np.float64))[0]
        )
        return preprocess(cut(whole, square), self._how, torch.float32)

    @torch.inference_mode()
    def pictures(self, pictures: Sequence[Tensor]) -> np.ndarray:
        """Return the features of pictures that `cut_out` gave: float32 (N, C) of length 1."""
        found = [
            self._network.encode_video(
                torch.stack(list(pictures[begin : begin + BATCH]))[:, :, None]
            )
            for begin in range(0, len(pictures), BATCH)
        ]
        return functional.normalize(torch.cat(found).float(), dim=-1).cpu().numpy()

    def text(self, words: str) -> np.ndarray:
        """Return the features of words, in several sentences: float32 (C,) of length 1.

        Raises:
            ModelError: They are too long, or no tokenizer is installed.
        """
        return encode(self._network, [words], TEMPLATES, self._device)[0].cpu().numpy()


def words_weights(model: str, weights: str = '') -> Path:
    """Return the checkpoint of a network of words that takes single pictures.

    Raises:
        WeightsError: There is no such model, or its checkpoint is not here.
    """
    check_activation(model, weights)
    entry = find_entry(model)
    found = find_weights(entry, weights)
    if found is None:
        raise WeightsError(f'{entry.name} has no weights here: name them by --words-weights FILE')
    return found


def open_embedder(model: str, weights: Path, device: str = 'auto') -> WordsEmbedder:
    """Return a network of words with the weights in a file.

    Raises:
        WeightsError: It takes no single pictures, or the file does not fit.
    """
    opened = open_network(model, str(weights))
    if opened.architecture.task is not Task.WORDS or isinstance(opened.network, XClip):
        raise WeightsError(
            f'{model} does not compare single pictures with words; take a network such as '
            'clip_vit_b_32, see `actloc models`'
        )
    return WordsEmbedder(opened, choose_device(device))
