"""Compute what the references of words and of segments in recordings know."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from parity_case import Case

from actloc_ros.models.actionformer.decode import Timeline, candidates, decode
from actloc_ros.models.actionformer.segmenter import RECIPES
from actloc_ros.models.words.classifier import tokenize
from actloc_ros.models.words.clip import Clip
from actloc_ros.models.words.xclip import XClip

MOST = 60  # rows of a level that a reference holds whole
TIMES = ('segments', 'scores', 'labels')


def words(case: Case) -> dict[str, Any]:
    """Return features of images and words, and how similar they are."""
    assert case.opened is not None
    network, reference = case.opened.network, case.reference
    assert isinstance(network, Clip)
    how = case.opened.entry.preprocessing
    pixels = case.input().astype(np.float64) / reference['input_scale']
    # (B, 3, …): as many axes after the channels as there are, for frames too.
    shape = (1, 3) + (1,) * (pixels.ndim - 2)
    pixels = (pixels - np.reshape(how.mean, shape)) / np.reshape(how.std, shape)
    given = torch.from_numpy(pixels)
    tokens = case.fill.tokens(reference['name'], tuple(reference['tokens']))
    text = network.encode_text(torch.from_numpy(tokens))
    if isinstance(network, XClip):
        video, places = network.encode(given)
        return {
            'video': video,
            'image': places[0, ::7],
            'text': text,
            'prompts': network.prompts_generator(text[None], places),
            'logits': network.logits(given, text),
        }
    return {
        'image': network.visual(given),
        'text': text,
        'similarity': network.logits(given[:, :, None], text),
        'words': tokenize(reference['sentences']),
    }


def recordings(case: Case) -> dict[str, Any]:
    """Return outputs of all levels, candidates and segments."""
    assert case.opened is not None
    opened, reference = case.opened, case.reference
    recipe = RECIPES[opened.entry.architecture]
    given = torch.from_numpy(case.input()).double()[None]
    if recipe.resized:
        longest = opened.entry.frames
        given = torch.nn.functional.interpolate(given, longest, mode='linear', align_corners=False)
    outputs = opened.network(given)
    stride = 4 if 'every 4th' in reference['outputs'] else 2
    mine: dict[str, Any] = {
        name: output[0][:: stride if output.shape[1] > MOST else 1]
        for name, output in zip(opened.architecture.outputs, outputs, strict=True)
    }
    spans, scores, labels = candidates(outputs, recipe.decode)
    best = scores.argsort(descending=True, stable=True)[:100]
    mine['decoded'] = torch.cat([spans, scores[:, None]], 1)[best]
    mine['decoded_labels'] = labels[best]
    mine['decoded_count'] = np.int64(len(scores))
    video = reference['video']
    time = Timeline(video['fps'], video['feat_stride'], video['feat_num_frames'], video['duration'])
    found = decode(outputs, recipe.decode, time)
    return mine | dict(zip(TIMES, (found.spans, found.scores, found.labels), strict=True))
