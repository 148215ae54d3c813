"""Read a folder in the layout of UT-Interaction's clips, and classify its interactions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.io.sources import open_source
from actloc_ros.models.hog_hof.classifier import Classifier
from actloc_ros.models.hog_hof.descriptor import DescriptorSettings
from actloc_ros.training.hog_hof.fit import fit, samples_of
from actloc_ros.training.hog_hof.recordings import (
    ActorRecording,
    LabelledSpan,
    Recording,
    image_tracks,
)
from benchmark.results.common import ResultsError

RATE = 30.0  # Hz, of all recordings


class LayoutError(ResultsError):
    """A folder without the layout of UT-Interaction; the text says what is wrong with it."""


@dataclass(frozen=True, eq=False)
class LabelledClip:
    """A clip of one interaction.

    Attributes:
        file: Its path in the folder.
        sequence: Number of the sequence that it was cut from.
        label: Its name.
        take: What moves in it.
    """

    file: str
    sequence: int
    label: str
    take: ActorRecording


def read_clips(folder: Path, settings: DescriptorSettings) -> list[LabelledClip]:
    """Return the positive clips in `index_clips.json`.

    Only the frames of `clip_action_frames` are read: the segments that the standard protocol
    classifies.

    Raises:
        LayoutError: There is no such file, or it is something else.
    """
    index = folder / 'index_clips.json'
    try:
        entries = json.loads(index.read_text())['clips']
        chosen = [entry for entry in entries if entry['kind'] == 'positive']
        return [
            _read_clip(folder, entry, settings)
            for entry in tqdm(chosen, desc=folder.name, unit='clip', disable=None)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LayoutError(
            f'{index} cannot be used ({error!r}); give a folder in the layout of ut_interaction: '
            'index_clips.json with "clips" of file, seq, label_name, kind and clip_action_frames'
        ) from error


def _read_clip(folder: Path, entry: dict, settings: DescriptorSettings) -> LabelledClip:
    first, last = entry['clip_action_frames']
    frames = islice(counted_frames(folder / entry['file']), first, last + 1)
    tracks = image_tracks(frames, settings)
    label = entry['label_name']
    clip = LabelledSpan(nanoseconds(first / RATE), nanoseconds(last / RATE), frozenset([label]))
    return LabelledClip(entry['file'], int(entry['seq']), label, ActorRecording(tracks, [clip]))


def counted_frames(path: Path) -> Iterator[Frame]:
    """Yield the frames of a video with stamps by their number: AVI does not keep them in order."""
    for index, frame in enumerate(open_source(path)):
        yield replace(frame, stamp=nanoseconds(index / RATE))


def train(clips: Sequence[LabelledClip], settings: DescriptorSettings, seed: int) -> Classifier:
    """Train the classifier that `actloc train --model hog-hof` trains."""
    labels = tuple(sorted({clip.label for clip in clips}))
    recordings = [Recording(Path(clip.file), lambda clip=clip: [clip.take]) for clip in clips]
    return fit(samples_of(labels, recordings, settings, seed), settings, seed)


def classify(classifier: Classifier, clip: LabelledClip) -> np.ndarray:
    """Return the scores (C,) of a whole clip."""
    codebook = classifier.codebook
    pooled = codebook.pool(clip.take.tracks)
    whole = clip.take.clips[0]
    return classifier.scores(codebook.describe(pooled, whole.start, whole.end)[None])[0]


def leave_one_out(
    clips: Sequence[LabelledClip], settings: DescriptorSettings, seed: int
) -> list[tuple[str, str]]:
    """Return the true and the predicted label of each clip.

    Its classifier is trained on the other sequences alone.
    """
    predicted = []
    sequences = sorted({clip.sequence for clip in clips})
    for sequence in tqdm(sequences, desc=f'seed {seed}', unit='fold', disable=None):
        others = [clip for clip in clips if clip.sequence != sequence]
        predicted += score(
            train(others, settings, seed), [c for c in clips if c.sequence == sequence]
        )
    return predicted


def score(classifier: Classifier, clips: Sequence[LabelledClip]) -> list[tuple[str, str]]:
    """Return the true and the predicted label of each clip."""
    return [
        (clip.label, classifier.labels[int(classify(classifier, clip).argmax())]) for clip in clips
    ]
