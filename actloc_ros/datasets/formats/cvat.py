"""Read boxes and actions that were drawn in CVAT: its format `CVAT for video 1.1`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

import numpy as np
from tqdm import tqdm

from actloc_ros.datasets.spec import DatasetPaths
from actloc_ros.io.media import VideoInfo, find_video, relative, shape_or, shown_files
from actloc_ros.io.source import DEFAULT_RATE
from actloc_ros.truth.annotations import ActorTrack, AnnotationError, Annotations, Instance, Video

ACTION = 'action'  # the attribute that names what a person does
NO_ACTION = ('', '__undefined__')
LAST_FRAME = 10_000_000  # four days at 30 Hz
DIGITS = 18  # of any number
MOST_COMMAS = 50  # pieces of one action


@dataclass(frozen=True)
class Task:
    """A video in CVAT, of which frames start, start + step, … to stop were shown.

    Width and height are 0 where the XML does not say.
    """

    number: str
    source: str
    width: int
    height: int
    start: int
    stop: int
    step: int


@dataclass(frozen=True)
class Row:
    """A box in one frame of a track, and what the person does from then on."""

    frame: int
    box: tuple[float, float, float, float]
    outside: bool
    actions: tuple[str, ...]


@dataclass(frozen=True)
class Track:
    """One person in one task; rows rise in their frames."""

    name: str
    task: str
    rows: tuple[Row, ...]


def read_cvat(paths: DatasetPaths) -> Annotations:
    """Read an XML file, or all of a folder, of one or more tasks each.

    Labels are the tracks' labels, or the values of their attribute `action` where they have one;
    several are separated by commas, and a label that holds commas is known by being offered. Boxes
    between rows are interpolated linearly; `outside` ends a track's visible part, as does the last
    row. Where a task shows every n-th frame, only those are known. Videos are found beside the XML,
    or in the folder named, by the task's source.

    Raises:
        AnnotationError: It is no such XML, or a track has other shapes than upright boxes.
    """
    path = paths.path
    files = shown_files(path, '.xml') if path.is_dir() else [path]
    if not files:
        raise AnnotationError(f'{path} has no .xml file')
    labels: dict[str, None] = {}
    videos = []
    for file in tqdm(files, 'files', unit='file', disable=None, leave=False):
        root = parse_xml(file)
        known = single_actions(_offered(root))
        tasks, tracks = _tasks(root, file), _tracks(root, file, known)
        labels.update(dict.fromkeys(_labels(root, tracks, known)))
        for task in tasks:
            own = [track for track in tracks if track.task in ('', task.number)]
            video = find_video(paths.videos or file.parent, task.source)
            videos.append(_video(task, own, video, path if path.is_dir() else path.parent))
    return Annotations(tuple(labels), tuple(videos))


def parse_xml(file: Path) -> ElementTree.Element:
    """Parse an XML file that declares nothing of its own.

    Entities, from outside or such as grow without end, can only be declared in a document type;
    a file with one is refused before it is parsed. It must be UTF-8, so that none can hide.

    Raises:
        AnnotationError: It has a document type, or is no XML in UTF-8.
    """
    try:
        text = file.read_bytes().decode('utf-8-sig')
        if '<!DOCTYPE' in text:
            raise AnnotationError(f'{file} declares a document type, which CVAT never does')
        return ElementTree.fromstring(text)
    except (UnicodeDecodeError, ElementTree.ParseError) as error:
        raise AnnotationError(f'{file} is no XML in UTF-8: {error}') from error


def _tasks(root: ElementTree.Element, file: Path) -> list[Task]:
    meta = root.find('meta')
    if root.tag != 'annotations' or meta is None:
        raise AnnotationError(f'{file}: expected <annotations> with <meta>, as CVAT writes it')
    if root.find('image') is not None:
        raise AnnotationError(
            f'{file} is in the format "CVAT for images", which does not identify people from frame '
            'to frame; export it as "CVAT for video 1.1"'
        )
    found = [each for name in ('task', 'job') for each in meta.iter(name)]
    if not found:
        raise AnnotationError(f'{file}: meta has no task; export it as "CVAT for video 1.1"')
    return [_task(each, meta, file) for each in found]


def _task(task: ElementTree.Element, meta: ElementTree.Element, file: Path) -> Task:
    def text(name: str, default: str = '') -> str:
        value = task.findtext(name)
        return (meta.findtext(name, default) if value is None else value).strip() or default

    source = text('source') or text('name')
    if not source:
        raise AnnotationError(f'{file}: a task has no source, the name of its video')
    where = f'{file}: task {source!r}'
    start = _whole(text('start_frame', '0'), where)
    step = max(1, _whole(text('frame_filter').replace(' ', '').removeprefix('step=') or '1', where))
    stop = text('stop_frame') or str(start + step * (_whole(text('size', '1'), where) - 1))
    if _whole(stop, where) > LAST_FRAME:
        _refuse(where, f'its last frame is {stop}; no video is that long')
    return Task(
        number=text('id'),
        source=source,
        width=_whole(text('original_size/width', '0'), where),
        height=_whole(text('original_size/height', '0'), where),
        start=start,
        stop=_whole(stop, where),
        step=step,
    )


def _tracks(root: ElementTree.Element, file: Path, known: Collection[str]) -> list[Track]:
    return [
        _track(each, f'{file}: track {each.get("id", "?")}', known) for each in root.iter('track')
    ]


def _track(track: ElementTree.Element, where: str, known: Collection[str]) -> Track:
    label = track.get('label')
    if not label:
        _refuse(where, 'it has no label')
    others = {child.tag for child in track} - {'box', 'attribute'}
    if others:
        _refuse(where, f'it has shapes {", ".join(sorted(others))}; draw rectangles')
    rows: list[Row] = []
    actions: tuple[str, ...] | None = _actions(track, known)
    for box in sorted(track.iter('box'), key=lambda b: _whole(b.get('frame'), where)):
        found = _actions(box, known)
        actions = actions if found is None else found
        rows.append(_row(box, (label,) if actions is None else actions, where))
    frames = [row.frame for row in rows]
    if len(set(frames)) < len(frames):
        _refuse(where, 'a frame has two boxes')
    return Track(f'track {track.get("id", "?")}', track.get('task_id', ''), tuple(rows))


def _actions(element: ElementTree.Element, known: Collection[str]) -> tuple[str, ...] | None:
    """Return the values of the attribute `action`; None where there is none."""
    for each in element.findall('attribute'):
        if each.get('name', '').lower() == ACTION:
            return tuple(dict.fromkeys(split_actions(each.text or '', known)))
    return None


def split_actions(text: str, known: Collection[str]) -> Iterator[str]:
    """Yield the actions that a value of the attribute `action` names, separated by commas.

    Args:
        text: The value.
        known: Actions that may hold commas themselves; the longest one counts.
    """
    pieces = text.split(',')
    begin = 0
    while begin < len(pieces):
        ends = range(min(len(pieces), begin + MOST_COMMAS), begin, -1)
        joined = ((end, ','.join(pieces[begin:end]).strip()) for end in ends)
        end, action = next((each for each in joined if each[1] in known), (begin + 1, ''))
        action = action or pieces[begin].strip()
        if action not in NO_ACTION:
            yield action
        begin = end


def single_actions(offered: Sequence[str]) -> frozenset[str]:
    """Return the values that are no combination of others among them."""
    values = frozenset(offered)
    parts = {value: list(split_actions(value, values - {value})) for value in values}
    return frozenset(
        value for value in values if len(parts[value]) < 2 or not values.issuperset(parts[value])
    )


def _row(box: ElementTree.Element, actions: tuple[str, ...], where: str) -> Row:
    frame = _whole(box.get('frame'), where)
    where = f'{where}, frame {frame}'
    if frame > LAST_FRAME:
        _refuse(where, f'no video is that long; expected at most {LAST_FRAME}')
    if _number(box.get('rotation', '0'), where):
        _refuse(where, 'its box is turned; draw upright boxes')
    x1, y1, x2, y2 = (_number(box.get(key), where) for key in ('xtl', 'ytl', 'xbr', 'ybr'))
    return Row(frame, (x1, y1, x2, y2), box.get('outside', '0') == '1', actions)


def _number(text: str | None, where: str) -> float:
    try:
        return float(text or '')
    except ValueError:
        _refuse(
            where, f'{text!r:.40} is no number; expected xtl, ytl, xbr and ybr, and no rotation'
        )


def _whole(text: str | None, where: str) -> int:
    if text is None or not text.strip().isdecimal() or len(text) > DIGITS:
        _refuse(where, f'{text!r:.40} is no whole number')
    return int(text)


def _refuse(where: str, why: str) -> NoReturn:
    raise AnnotationError(f'{where}: {why}')


def _offered(root: ElementTree.Element) -> list[str]:
    """Return the values offered for `action`, in their order."""
    values = [
        value.strip()
        for attribute in root.iter('attribute')
        if attribute.findtext('name', '').lower() == ACTION
        for value in attribute.findtext('values', '').split('\n')
    ]
    return [value for value in values if value not in NO_ACTION]


def _labels(
    root: ElementTree.Element, tracks: Sequence[Track], known: Collection[str]
) -> list[str]:
    """Return the labels that tracks use, and the values offered for `action`, in their order."""
    offered: list[str] = []
    used = {action for track in tracks for row in track.rows for action in row.actions}
    for label in root.iter('label'):
        values = [value for value in _offered(label) if value in known]
        name = label.findtext('name', '').strip()
        offered += values if values else [name] if name in used else []
    listed = [name for name in offered if name not in NO_ACTION]
    return list(dict.fromkeys([*listed, *sorted(used)]))


def _video(task: Task, tracks: Sequence[Track], path: Path, base: Path) -> Video:
    other = VideoInfo(task.stop + 1, DEFAULT_RATE, task.width or 1, task.height or 1)
    shape = shape_or(path, DEFAULT_RATE, other)
    # What the XML says counts, so that a check finds that the video is another one.
    width, height = task.width or shape.width, task.height or shape.height
    count = max(shape.frames, task.stop + 1)
    video = Video(relative(path, base), shape.fps, width, height, count, (), ())
    visible, instances = [], []
    for actor, track in enumerate(tracks, 1):
        frames, boxes = _visible(track, task, 0 if shape is other else shape.frames)
        if len(frames):
            visible.append(ActorTrack(actor, frames, boxes, name=track.name))
            instances += _instances(actor, track, video, int(frames[-1]) + task.step)
    shown = np.arange(task.start, task.stop + 1, task.step)
    whole = task.step == 1 and len(shown) == count
    return replace(
        video,
        tracks=tuple(visible),
        instances=tuple(instances),
        labelled=None if whole else shown,
    )


def _visible(track: Track, task: Task, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames in which a person is visible, and the boxes there.

    Beyond the video's `count` frames, or those of a missing one, there are the boxes that were
    drawn alone, to be found by a check.
    """
    frames = [np.zeros(0, np.int64)]
    boxes = [np.zeros((0, 4))]
    for row, after in zip(track.rows, [*track.rows[1:], None], strict=True):
        if row.outside:
            continue
        end = row.frame + 1 if after is None else after.frame
        here = np.array(row.box)
        there = here if after is None else np.array(after.box)
        numbers = np.arange(row.frame, max(row.frame + 1, min(end, count)), task.step)
        share = (numbers - row.frame) / (end - row.frame)
        frames.append(numbers)
        boxes.append(here + (there - here) * share[:, None])
    return np.concatenate(frames), np.concatenate(boxes)


def _instances(actor: int, track: Track, video: Video, end: int) -> list[Instance]:
    """Return what a person does, each action from its first frame to the one where it is gone."""
    since: dict[str, int] = {}
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in track.rows:
        now = () if row.outside else row.actions
        for action in [action for action in since if action not in now]:
            spans[action].append((since.pop(action), row.frame))
        for action in now:
            since.setdefault(action, row.frame)
    for action, start in since.items():
        spans[action].append((start, end))
    return [
        Instance(actor, action, video.stamp(start), video.stamp(stop))
        for action, found in spans.items()
        for start, stop in found
    ]
