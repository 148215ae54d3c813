"""Detect interactions in UT-Interaction's composite timelines by windows over what moves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from results_ut_clips import RATE, LabelledClip, LayoutError, counted_frames, train
from tqdm import tqdm

from actloc_ros.frames import nanoseconds
from actloc_ros.models.hog_hof import Classifier
from actloc_ros.models.hog_hof_descriptor import Settings, Tracks
from actloc_ros.training.hog_hof_takes import Clip, Take, looks_at

LENGTHS = 1.3, 2.2, 3.3, 4.8  # s, of windows
STRIDE = 0.5  # s between windows
APART = 0.5  # actor heights without motion between two regions
LEAST_TRACKS = 20  # in a window that is looked at
LEAST_SCORE = 0.02
PIECE = 0.45  # of an interaction: its beginning and its end are none
SAME = 0.5  # overlap from which a detection is right
OUTERMOST = 1, 99  # percentiles of what moves, between which a box is drawn
NMS = 0.3  # overlap from which the better of two detections of a class stays alone


@dataclass(frozen=True)
class Tube:
    """A still box, x1, y1, x2, y2 in px, from one frame to before another, and its score."""

    label: str
    start: float
    end: float
    box: tuple[float, ...]
    score: float = 1.0
    counts: bool = True


@dataclass(frozen=True, eq=False)
class Timeline:
    """A sequence: its true interactions, and what moves at each look.

    Attributes:
        sequence: Its number.
        truth: Interactions; those that are not fully shown do not count.
        looks: Tracks with places in px of the video.
    """

    sequence: int
    truth: list[Tube]
    looks: list[Tracks]


def read_index(folder: Path) -> list[dict]:
    """Return what `index_timelines.json` holds.

    Raises:
        LayoutError: There is no such file, or it is something else.
    """
    index = folder / 'index_timelines.json'
    try:
        entries = json.loads(index.read_text())
        return [dict(entry) for entry in entries]
    except (OSError, ValueError, TypeError) as error:
        raise LayoutError(f'{index} cannot be used: {error!r}') from error


def usual_box(entries: Sequence[dict], without: int) -> np.ndarray:
    """Return the median x1, y1, x2, y2 of the interactions in all sequences but one."""
    boxes = [
        each['box_xyxy']
        for entry in entries
        if entry['seq'] != without
        for each in entry['interactions']
        if each['fully_shown']
    ]
    return np.median(np.array(boxes, float), axis=0)


def read_timeline(folder: Path, entry: dict, usual: np.ndarray, settings: Settings) -> Timeline:
    """Follow what moves in a sequence, with actors as high as usual."""
    top, bottom = usual[1], usual[3]
    looks = []
    frames = counted_frames(folder / entry['file'])
    bar = tqdm(frames, f'sequence {entry["seq"]}', entry['n_frames'], disable=None, leave=False)
    for look in looks_at(bar, settings):
        width = look.grey.shape[1] / look.scale
        band = np.array([0, top, width, bottom])
        tracks = look.follower.tracks(band * look.scale)
        if tracks is not None:
            places = tracks.places * (bottom - top) + (width / 2, top)
            looks.append(Tracks(tracks.stamp, places.astype(np.float32), tracks.parts))
    truth = [
        Tube(
            each['label_name'],
            each['video_frames'][0],
            each['video_frames'][1] + 1,
            tuple(each['box_xyxy']),
            counts=each['fully_shown'],
        )
        for each in entry['interactions']
        if each['video_frames'] is not None  # what no frame shows
    ]
    return Timeline(entry['seq'], truth, looks)


def with_pieces(clips: Sequence[LabelledClip]) -> list[LabelledClip]:
    """Add the beginnings and ends of interactions as none, so that windows fit them."""
    added = []
    for clip in clips:
        whole = clip.take.clips[0]
        piece = int(PIECE * (whole.end - whole.start))
        none: frozenset[str] = frozenset()
        pieces = [
            Clip(whole.start, whole.start + piece, none),
            Clip(whole.end - piece, whole.end, none),
        ]
        take = Take(clip.take.tracks, [whole, *(pieces if whole.shown else [])])
        added.append(replace(clip, take=take))
    return added


def room_beside(clips: Sequence[LabelledClip]) -> float:
    """Return how far interactions' boxes reach beyond what moves, to each side, in heights."""
    room = []
    for clip in clips:
        across = [tracks.places[:, 0] for tracks in clip.take.tracks if len(tracks.places)]
        if clip.take.clips[0].shown and across:
            room.append(clip.width - np.ptp(np.percentile(np.concatenate(across), OUTERMOST)))
    return max(0.0, float(np.median(room)) / 2)


def detect(
    timeline: Timeline, classifier: Classifier, usual: np.ndarray, room: float
) -> list[Tube]:
    """Return the interactions that windows over moving regions show, best first.

    Their boxes are these regions with room to each side, in the usual box's heights.
    """
    found = []
    if not timeline.looks:
        return []
    stamps = np.array([tracks.stamp for tracks in timeline.looks])
    for length in LENGTHS:
        for start in np.arange(stamps[0] / 1e9, stamps[-1] / 1e9 - length / 2, STRIDE):
            span = nanoseconds(start), nanoseconds(start + length)
            inside = np.flatnonzero((stamps >= span[0]) & (stamps <= span[1]))
            looks = [timeline.looks[index] for index in inside]
            found += _window(looks, span, classifier, usual)
    wider = room * (usual[3] - usual[1])
    return suppress([_widened(tube, wider) for tube in found])


def _widened(tube: Tube, by: float) -> Tube:
    x1, y1, x2, y2 = tube.box
    return replace(tube, box=(x1 - by, y1, x2 + by, y2))


def _window(
    looks: list[Tracks], span: tuple[int, int], classifier: Classifier, usual: np.ndarray
) -> list[Tube]:
    """Return what the regions that move in a window show."""
    found = []
    for box in regions(looks, usual[3] - usual[1]):
        cut = [_inside(tracks, box) for tracks in looks]
        if sum(len(each.places) for each in cut) < LEAST_TRACKS:
            continue
        clip = classifier.codebook.describe(classifier.codebook.pool(cut), *span)
        scores = classifier.scores(clip[None])[0].tolist()
        start, end = (stamp / 1e9 * RATE for stamp in span)
        found += [
            Tube(label, start, end, tuple(box.tolist()), score)
            for label, score in zip(classifier.labels, scores, strict=True)
            if score >= LEAST_SCORE
        ]
    return found


def regions(looks: Sequence[Tracks], height: float) -> list[np.ndarray]:
    """Return boxes x1, y1, x2, y2 of what moves, apart from each other from left to right.

    They are at least as high as actors are, around the middle of what moves.
    """
    if not looks:
        return []
    places = np.concatenate([tracks.places for tracks in looks])
    if not len(places):
        return []
    places = places[np.argsort(places[:, 0])]
    parts = np.split(places, np.flatnonzero(np.diff(places[:, 0]) > APART * height) + 1)
    boxes = []
    for part in parts:
        low, high = np.percentile(part, OUTERMOST, axis=0)
        missing = max(0.0, height - (high[1] - low[1])) / 2
        boxes.append(np.array([low[0], low[1] - missing, high[0], high[1] + missing]))
    return boxes


def _inside(tracks: Tracks, box: np.ndarray) -> Tracks:
    """Return the tracks in a box, with places as the classifier wants them."""
    inside = ((tracks.places >= box[:2]) & (tracks.places <= box[2:])).all(1)
    origin = (box[0] + box[2]) / 2, box[1]
    places = (tracks.places[inside] - origin) / (box[3] - box[1])
    return Tracks(tracks.stamp, places.astype(np.float32), tracks.parts[inside])


def suppress(tubes: Sequence[Tube]) -> list[Tube]:
    """Return tubes, best first, without those that overlap a better one of their class."""
    kept: list[Tube] = []
    for tube in sorted(tubes, key=lambda tube: -tube.score):
        if not any(tube.label == better.label and overlap(tube, better) > NMS for better in kept):
            kept.append(tube)
    return kept


def overlap(one: Tube, two: Tube) -> float:
    """Return the spatio-temporal intersection over union of still tubes."""
    a, b = (np.array([*tube.box[:2], tube.start, *tube.box[2:], tube.end]) for tube in (one, two))
    sides = np.minimum(a[3:], b[3:]) - np.maximum(a[:3], b[:3])
    shared = float(np.prod(np.clip(sides, 0, None)))
    return shared / float(np.prod(a[3:] - a[:3]) + np.prod(b[3:] - b[:3]) - shared)


def judge(found: Sequence[tuple[int, Tube]], truth: Sequence[tuple[int, Tube]]) -> dict:
    """Return average precision, and precision and recall at a score of 0.5, of one class.

    Each true tube is found once, by the best detection that overlaps it; detections of what does
    not count are left out. `found` and `truth` are pairs of sequence and tube.
    """
    missing = {index for index, (_, tube) in enumerate(truth) if tube.counts}
    total, outcomes = len(missing), []
    for sequence, tube in sorted(found, key=lambda pair: -pair[1].score):
        fits = [
            (overlap(tube, true), index)
            for index, (where, true) in enumerate(truth)
            if where == sequence
        ]
        best = max((fit for fit in fits if fit[1] in missing), default=(0.0, -1))
        if best[0] > SAME:
            missing.remove(best[1])
            outcomes.append((tube.score, True))
        elif not any(fit > SAME and not truth[index][1].counts for fit, index in fits):
            outcomes.append((tube.score, False))
    right = np.cumsum([good for _, good in outcomes])
    precision = right / np.arange(1, len(outcomes) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    gains = np.array([good for _, good in outcomes], bool)
    sure = [good for score, good in outcomes if score >= 0.5]
    return {
        'ap': float(envelope[gains].sum() / total) if total else None,
        'right': int(sum(sure)),
        'told': len(sure),
        'true': total,
    }


def measure_timelines(
    folder: Path,
    positives: Sequence[LabelledClip],
    negatives: Sequence[LabelledClip],
    settings: Settings,
    sequences: Sequence[int] = (),
) -> dict:
    """Detect in each sequence, trained without it; return what `judge` says by class."""
    entries = read_index(folder)
    chosen = [entry for entry in entries if not sequences or entry['seq'] in sequences]
    found: list[tuple[int, Tube]] = []
    truth: list[tuple[int, Tube]] = []
    clips = with_pieces([*positives, *negatives])
    for entry in tqdm(chosen, desc='timelines', unit='sequence', disable=None):
        sequence = entry['seq']
        usual = usual_box(entries, sequence)
        timeline = read_timeline(folder, entry, usual, settings)
        others = [c for c in clips if c.sequence != sequence]
        tubes = detect(timeline, train(others, settings, 0), usual, room_beside(others))
        found += [(sequence, tube) for tube in tubes]
        truth += [(sequence, tube) for tube in timeline.truth]
    labels = sorted({tube.label for _, tube in truth})
    return {
        'sequences': len(chosen),
        'classes': {
            label: judge(
                [pair for pair in found if pair[1].label == label],
                [pair for pair in truth if pair[1].label == label],
            )
            for label in labels
        },
    }
