"""Score clips of single people by words that a user wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from actloc_ros.models.clips import ClipSpec
from actloc_ros.models.errors import ModelError, WeightsError
from actloc_ros.models.loading import OpenedNetwork
from actloc_ros.models.ops.preprocessing import preprocess
from actloc_ros.models.words.clip import CONTEXT, Clip

TEMPLATES = ('{}', 'a photo of {}.', 'a video of {}.', 'a cropped photo of {}.', 'there is {}.')
"""Each label is the mean of its features in these sentences."""

NONE = ('a person', 'someone', 'a person standing there', 'a photo', 'an empty room')
"""What "none of these" is: sentences that say nothing of an action."""

BATCH = 8  # clips scored at once: bounds memory
# How data sets' names in names of files tell which activation a network was trained with.
QUICK = ('openai', 'laion400m', 'yfcc', 'cc12m', 'metaclip', 'dfn2b')
EXACT = ('laion2b', 'laion5b', 'datacomp', 'commonpool')


class WordsClassifier:
    """A network of images and words, with labels as text, which it encodes once.

    A clip's scores are the softmax over all labels and "none of these", so that they sum to less
    than 1; an actor of which no label is true scores low everywhere.

    Attributes:
        labels: As the user wrote them.
        threshold: Score in [0, 1] from which an action counts as detected.
        spec: The clips that it takes.
        device: Where it runs.

    Args:
        opened: The network, in evaluation mode.
        labels: What may happen, in words.
        none: Added to the logit of "none of these".
        device: Where to run it.
        dtype: With which numbers.

    Raises:
        ModelError: No labels, one twice, or one that is too long; or no tokenizer is installed.
    """

    def __init__(
        self,
        opened: OpenedNetwork,
        labels: Sequence[str],
        none: float,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        assert isinstance(opened.network, Clip)
        check_labels(labels, opened.entry.name)
        entry = opened.entry
        self.labels, self.threshold = tuple(labels), entry.threshold
        self.spec, self.device = ClipSpec(entry.frames, entry.rate), device
        self._entry, self._dtype, self._none = entry, dtype, none
        self._network = opened.network.to(device=device, dtype=dtype)
        network = self._network
        text = [encode(network, labels, TEMPLATES, device), encode(network, NONE, ('{}',), device)]
        self._text = torch.cat(text).to(dtype)

    @torch.inference_mode()
    def prepare(self, images: Sequence[Tensor]) -> Tensor:
        """Return a clip, (3, K, H, W) as the network takes it, of K images: uint8 (3, h, w)."""
        how = self._entry.preprocessing
        return torch.stack([preprocess(image, how, self._dtype) for image in images], dim=1)

    @torch.inference_mode()
    def classify(self, clips: Sequence[Tensor]) -> np.ndarray:
        """Return the scores of N clips as `prepare` made them: float32 (N, C) in [0, 1]."""
        batches = [clips[begin : begin + BATCH] for begin in range(0, len(clips), BATCH)]
        logits = torch.cat(
            [self._network.logits(torch.stack(list(batch)), self._text) for batch in batches]
        )
        return scores_of(logits.float(), len(self.labels), self._none).cpu().numpy()


@torch.inference_mode()
def encode(
    network: Clip, texts: Sequence[str], templates: Sequence[str], device: torch.device
) -> Tensor:
    """Return text features float32 (N, C) of length 1, each the mean of all templates'.

    Raises:
        ModelError: A sentence is too long, or no tokenizer is installed.
    """
    sentences = [template.format(text) for text in texts for template in templates]
    features = network.encode_text(tokenize(sentences).to(device))
    each = functional.normalize(features.float(), dim=-1).unflatten(0, (-1, len(templates)))
    return functional.normalize(each.mean(1), dim=-1)


def scores_of(logits: Tensor, labels: int, none: float) -> Tensor:
    """Return scores (N, labels) of logits (N, labels + sentences of none).

    Of the sentences of none, their mean in probability counts, so that their number does not.
    """
    others = logits[:, labels:]
    rest = others.logsumexp(1, keepdim=True) - np.log(others.shape[1]) + none
    return torch.cat([logits[:, :labels], rest], 1).softmax(1)[:, :labels]


def tokenize(texts: Sequence[str]) -> Tensor:
    """Return token ids of sentences, int64 (N, 77).

    Raises:
        ModelError: No tokenizer is installed, or a sentence is too long.
    """
    try:
        from open_clip.tokenizer import SimpleTokenizer
    except ImportError as error:
        raise ModelError(
            f'words need the tokenizer of open_clip_torch, which does not load ({error}): pip'
            ' install -r requirements-words.txt'
        ) from error
    tokenizer = SimpleTokenizer()
    for text in texts:
        if len(tokenizer.encode(text)) > CONTEXT - 2:
            raise ModelError(f'"{text:.40}…" is longer than {CONTEXT - 2} tokens; say it shorter')
    found: Tensor = tokenizer(list(texts), CONTEXT)
    return found


def check_labels(labels: Sequence[str], model: str) -> None:
    """Refuse labels that cannot be told apart.

    Raises:
        ModelError: There are none, one is empty, or one is twice there.
    """
    if not labels:
        raise ModelError(
            f'{model} knows actions by words that you give: set the parameter labels, such as'
            " ['a person waving', 'a person lying on the floor']"
        )
    plain = [label.strip().casefold() for label in labels]
    if '' in plain or len(set(plain)) < len(plain):
        raise ModelError(f'labels are {list(labels)}; each must be there once and not be empty')


def check_activation(model: str, weights: str) -> None:
    """Refuse a file whose name says that it was trained with the other activation.

    Such a file loads strictly all the same, and answers worse.

    Raises:
        WeightsError: It says so.
    """
    model = model.removesuffix('_words')  # of an entry: what counts is its architecture
    name, quick = Path(weights).name.lower().replace('-', '_'), model.endswith('_quickgelu')
    wrong = next((each for each in (EXACT if quick else QUICK) if each in name), None)
    if wrong is None or not model.startswith('clip_'):
        return
    other = model.removesuffix('_quickgelu') if quick else f'{model}_quickgelu'
    raise WeightsError(
        f'"{weights}" is of {wrong}, which was trained with'
        f' {"exact GELU" if quick else "QuickGELU"}: ask for {other}; with {model} it would load'
        ' and answer worse'
    )
