"""Say of each frame which labels are true, false or not known, from segments of a source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

LABELS = (
    'standing', 'walking', 'running', 'waving', 'pointing', 'sitting_down', 'sitting',
    'standing_up', 'falling', 'lying', 'picking_up', 'pushing', 'handing_over', 'crossing',
    'jumping', 'kicking', 'punching', 'clapping', 'bowing', 'bending', 'crawling', 'crouching',
    'getting_up', 'lying_down', 'raising_hand', 'stop_signal', 'beckoning',
)  # fmt: skip
INDEX = {label: index for index, label in enumerate(LABELS)}
POSTURES = (
    'standing', 'walking', 'running', 'sitting_down', 'sitting', 'standing_up', 'falling',
    'lying', 'crawling', 'crouching', 'getting_up', 'lying_down',
)  # fmt: skip
GESTURES = (
    'waving', 'pointing', 'picking_up', 'pushing', 'handing_over', 'jumping', 'kicking',
    'punching', 'clapping', 'bowing', 'bending', 'raising_hand', 'stop_signal', 'beckoning',
)  # fmt: skip
UPRIGHT = ('standing', 'walking', 'running')
# What nobody does while upright on straight legs.
NOT_UPRIGHT = ('sitting', 'falling', 'lying', 'crawling', 'crouching', 'getting_up', 'lying_down')
NO, YES, UNKNOWN = 0, 1, 2

# Of clips with these labels nobody says what hands and feet do.
UNKNOWN_GESTURES = frozenset(
    {
        'basketball', 'soccer', 'swordplay', 'martial_arts', 'referee_signals', 'washing_self',
        'washing_window', 'stop_beckon', 'golf', 'dancing', 'climbing', 'acrobatics', 'rolling',
        'mixed', 'cheering', 'dodging', 'hit', 'interact', 'throwing', 'use_item', 'ducking',
    }
)  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """What a source's label says: which of LABELS are true and which may be true."""

    yes: tuple[str, ...] = ()
    maybe: tuple[str, ...] = ()


MEANINGS = {
    'standing': Meaning(('standing',)),
    'walking': Meaning(('walking',)),
    'running': Meaning(('running',)),
    'sitting': Meaning(('sitting',)),
    'sitting_down': Meaning(('sitting_down',), ('bending',)),
    'standing_up': Meaning(('standing_up',), ('bending',)),
    'falling': Meaning(('falling',), ('lying',)),
    'lying': Meaning(('lying',)),
    'lying_down': Meaning(('lying_down',), ('lying', 'sitting')),
    'getting_up': Meaning(('getting_up',), ('standing_up', 'crouching', 'crawling', 'sitting')),
    'crawling': Meaning(('crawling',)),
    'crouching': Meaning(('crouching',), ('bending', 'sitting_down', 'standing_up')),
    'bending': Meaning(('bending',), ('bowing', 'picking_up', 'standing')),
    'picking_up': Meaning(('picking_up',), ('bending', 'crouching', 'standing')),
    'jumping': Meaning(('jumping',), UPRIGHT),
    'kicking': Meaning(('kicking',), UPRIGHT),
    'punching': Meaning(('punching',), UPRIGHT),
    'clapping': Meaning(('clapping',), ('standing', 'sitting')),
    'bowing': Meaning(('bowing',), ('bending', 'standing')),
    'waving': Meaning(('waving',), ('standing', 'raising_hand')),
    'pointing': Meaning(('pointing',), ('standing',)),
    'pushing': Meaning(('pushing',), UPRIGHT),
    'handing_over': Meaning(('handing_over',), UPRIGHT),
    'raising_hands': Meaning(('raising_hand',), ('standing', 'waving', 'stop_signal')),
    'raising_hand': Meaning(('raising_hand',), ('standing', 'waving', 'stop_signal')),
    'gesture_stop': Meaning(('stop_signal',), ('standing', 'raising_hand')),
    'gesture_come': Meaning(('beckoning',), ('standing', 'waving')),
    'falling_then_lying': Meaning((), ('falling', 'lying')),
    'signing': Meaning((), ('standing', 'sitting', 'raising_hand')),
    'fails_to_stand_up': Meaning(('sitting',), ('standing_up', 'sitting_down')),
    'stumbling': Meaning((), (*UPRIGHT, 'falling', 'bending')),
}


@dataclass(frozen=True)
class Segment:
    """A source's label of the frames start <= frame < end; `kind` as in the source's file."""

    label: str
    start: int
    end: int
    kind: str


def targets_of(
    segments: Iterable[Segment], count: int, clip_label: str = '', margin: int = 0
) -> np.ndarray:
    """Return what is known of `count` frames.

    A posture that was derived from joints counts more than what a source says of a whole clip.

    Args:
        segments: Of the clip, in any order.
        count: Frames.
        clip_label: What the source calls the whole clip.
        margin: Frames on both sides of a segment's ends of which its label is not known.

    Returns:
        uint8 (count, len(LABELS)) of NO, YES and UNKNOWN.
    """
    yes = np.zeros((count, len(LABELS)), bool)
    maybe = np.zeros((count, len(LABELS)), bool)
    labelled = np.zeros(count, bool)
    # Segments of whole clips come last, so that the others can overrule them.
    for segment in sorted(segments, key=lambda each: each.kind == 'source'):
        meaning = MEANINGS.get(segment.label)
        if meaning is None:
            continue
        frames = np.zeros(count, bool)
        frames[segment.start : segment.end] = True
        doubtful = yes[:, columns_of(POSTURES)].any(axis=1) & (segment.kind == 'source')
        for label in meaning.yes:
            overruled = doubtful & (label in POSTURES)
            yes[frames & ~overruled, INDEX[label]] = True
            maybe[frames & overruled, INDEX[label]] = True
            maybe[_near_ends(segment, count, margin), INDEX[label]] = True
        for label in meaning.maybe:
            maybe[frames, INDEX[label]] = True
        labelled |= frames
    targets = np.where(yes, YES, NO).astype(np.uint8)
    targets[~labelled] = UNKNOWN
    targets[maybe] = UNKNOWN
    if clip_label in UNKNOWN_GESTURES:
        hidden = np.zeros_like(yes)
        hidden[:, columns_of(GESTURES)] = True
        targets[hidden & ~yes] = UNKNOWN
    targets[:, INDEX['crossing']] = UNKNOWN
    return targets


def columns_of(labels: Iterable[str]) -> list[int]:
    """Return the places of labels in LABELS."""
    return [INDEX[label] for label in labels]


def _near_ends(segment: Segment, count: int, margin: int) -> np.ndarray:
    """Return a mask (count,) of the frames within a margin of a segment's ends inside the clip."""
    near = np.zeros(count, bool)
    for end in (segment.start, segment.end):
        if 0 < end < count:
            near[max(0, end - margin) : end + margin] = True
    return near
