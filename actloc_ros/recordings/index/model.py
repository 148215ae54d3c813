"""Define what the index holds of a recording, as columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

VERSION = 1  # of all files of an index
KEY_DIGITS = 32
EARLIEST_CLOCK = 631_152_000 * 1_000_000_000  # ns: 1990; smaller stamps count from a start

BOX_FIELDS = [('x1', np.float32), ('y1', np.float32), ('x2', np.float32), ('y2', np.float32)]
SPAN_FIELDS = [('start', np.int64), ('end', np.int64)]
TRACKS = np.dtype(
    [('track', np.int32), *SPAN_FIELDS, ('score', np.float32), ('boxes', np.int32)],
)
"""Who was followed from when to when in ns; the mean score of its boxes, and how many there are."""
INSTANCES = np.dtype(
    [
        ('instance', np.int32),
        ('track', np.int32),
        ('label', np.int16),
        *SPAN_FIELDS,
        ('score', np.float32),
        *BOX_FIELDS,
    ]
)
"""Who did what: `label` counts in the recording's labels; `score` in [0, 1] is the mean of its
label's scores over its key frames; the box is that of its best key frame, relative, 0 to 1."""
STAYS = np.dtype([('track', np.int32), ('zone', np.int16), *SPAN_FIELDS])
"""Who was in which zone; `zone` counts in the recording's zones."""
SEGMENTS = np.dtype([('track', np.int32), *SPAN_FIELDS])
"""Parts of tracks, each with a vector."""
KEYS = np.dtype([('track', np.int32), ('stamp', np.int64), *BOX_FIELDS])
"""Boxes in pixels at the key frames that were kept: a line between them says the others."""


class RecordingsError(ValueError):
    """An index that cannot be read or written; the text names it and says what to do."""


class NewerVersionError(RecordingsError):
    """An index that a newer release wrote."""


@dataclass(frozen=True)
class IndexedModel:
    """What made the entries of a recording.

    Attributes:
        name: The localizer's.
        weights: SHA-256 of the weights' files in hexadecimal digits; empty where it has none.
        settings: What else changes the result, as text: canonical JSON.
        labels: Names of its actions.
        joint_names: Names of its joints, in order; may be none.
        zones: Names of the zones of the rules; may be none.
        words: The network of images and words that made vectors of pictures; empty without.
        words_weights: SHA-256 of its weights' file.
    """

    name: str
    weights: str = ''
    settings: str = '{}'
    labels: tuple[str, ...] = ()
    joint_names: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    words: str = ''
    words_weights: str = ''


@dataclass(frozen=True)
class IndexedAlarm:
    """One alarm of the rules.

    Attributes:
        alarm: Its number in its view, from 1.
        rule: The rule's name.
        severity: As the rules file says it.
        start: In ns.
        end: In ns.
        tracks: Those it is about.
        labels: What they did.
    """

    alarm: int
    rule: str
    severity: str
    start: int
    end: int
    tracks: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()


def rows(dtype: np.dtype, values: list[tuple] | None = None) -> np.ndarray:
    """Return a table of this module's columns, of tuples; without any, an empty one."""
    return np.array(values or [], dtype)


@dataclass(frozen=True, eq=False)
class IndexedView:
    """One camera of one recording by one model. Times are int64 ns.

    Attributes:
        number: From 0 within the recording.
        camera: Its name: the topic of a bag, else as the user gave it.
        start: Stamp of its first frame.
        end: Stamp of its last frame.
        frames: That were used.
        broken: That could not be decoded.
        width: Of the image in pixels, at the last frame.
        height: Of the image in pixels, at the last frame.
        tracks: (N,) of `TRACKS`.
        instances: (N,) of `INSTANCES`.
        stays: (N,) of `STAYS`.
        segments: (N,) of `SEGMENTS`.
        vectors: float16 (N, D) of length 1, one of each segment; D is the same in a recording.
        keys: (N,) of `KEYS`.
        joints: float16 (N, K, 3), x and y in pixels and a confidence in [0, 1], of each row of
            `keys`; None where the model has none. Not-a-number: there were none at this key frame.
        alarms: By start.
        appearances: (N,) of `SEGMENTS`: parts of tracks, each with a vector of its best picture.
        appearance_vectors: float16 (N, D) of length 1, one of each of these; D is the same in a
            recording.
    """

    number: int
    camera: str
    start: int
    end: int
    frames: int
    width: int
    height: int
    broken: int = 0
    tracks: np.ndarray = field(default_factory=lambda: rows(TRACKS))
    instances: np.ndarray = field(default_factory=lambda: rows(INSTANCES))
    stays: np.ndarray = field(default_factory=lambda: rows(STAYS))
    segments: np.ndarray = field(default_factory=lambda: rows(SEGMENTS))
    vectors: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float16))
    keys: np.ndarray = field(default_factory=lambda: rows(KEYS))
    joints: np.ndarray | None = None
    alarms: tuple[IndexedAlarm, ...] = ()
    appearances: np.ndarray = field(default_factory=lambda: rows(SEGMENTS))
    appearance_vectors: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float16))

    @property
    def wall_clock(self) -> bool:
        """Whether stamps are times of day."""
        return self.start >= EARLIEST_CLOCK


@dataclass(frozen=True, eq=False)
class IndexedRecording:
    """All of one recording by one model.

    Attributes:
        path: Where the recording lies.
        content: SHA-256 of what it holds, in hexadecimal digits.
        size: In bytes.
        mtime: When it was last changed, in ns.
        model: What made the entries.
        views: By number.
        thumbnails: JPEG files by number of the view and instance.
        fault: What of it could not be read, and why; empty where all could.
    """

    path: str
    content: str
    size: int
    mtime: int
    model: IndexedModel
    views: tuple[IndexedView, ...]
    thumbnails: Mapping[tuple[int, int], bytes] = field(default_factory=dict)
    fault: str = ''

    @property
    def key(self) -> str:
        """The name of its files."""
        return recording_key(self.content, self.model)


def recording_key(content: str, model: IndexedModel) -> str:
    """Return the name of the files of a recording with this content, by this model."""
    parts = [VERSION, content, model.name, model.weights, model.settings]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:KEY_DIGITS]


@dataclass(frozen=True, eq=False)
class BoxPath:
    """The boxes of one track.

    Attributes:
        stamps: int64 (N,) in ns, rising.
        boxes: float32 (N, 4): x1, y1, x2, y2 in pixels.
        joints: float16 (N, K, 3), see `IndexedView`; None where there are none.
    """

    stamps: np.ndarray
    boxes: np.ndarray
    joints: np.ndarray | None = None

    def at(self, stamps: np.ndarray) -> np.ndarray:
        """Return the boxes at `stamps` (M,), by lines between key frames: float32 (M, 4).

        Before the first and after the last key frame they stand still.
        """
        stamps = np.asarray(stamps, np.int64) - self.stamps[0]  # small, so that floats hold them
        known = self.stamps - self.stamps[0]
        columns = [np.interp(stamps, known, self.boxes[:, i]) for i in range(4)]
        return np.stack(columns, axis=-1).astype(np.float32)
