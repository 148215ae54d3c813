"""Write the page: what the template needs of an index, and the files of clips beside it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from actloc_ros.files import make_folder, write_whole
from actloc_ros.frames import Frame
from actloc_ros.io.source import SourceError
from actloc_ros.recordings.index.model import RecordingsError
from actloc_ros.recordings.index.open import Index
from actloc_ros.recordings.index.store import thumbnail_path
from actloc_ros.recordings.report.clips import RATE, encode_clip
from actloc_ros.recordings.report.page_data import ReportOptions, page_data
from actloc_ros.recordings.report.sprites import Sprites, make_sprites
from actloc_ros.recordings.summary.boxes import IndexBoxes
from actloc_ros.recordings.summary.clock import Clock
from actloc_ros.recordings.summary.interest import Events, find_events
from actloc_ros.recordings.summary.moments import Moment, find_moments
from actloc_ros.recordings.summary.reel import draw_scene, find_scene, moment_frames
from actloc_ros.recordings.summary.tables import Tables

MEGABYTE = 1_000_000
MOST_INSTANCES = 200_000
THUMBNAILS_SHARE = 0.3  # of the size
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    'img-src data: blob:; media-src blob:{beside}'
)


@dataclass(frozen=True)
class ReportFacts:
    """What a page holds.

    Attributes:
        instances: Actions that it lists.
        thumbnails: Of how many it has a picture.
        clips: How many clips there are.
        playable: How many actions they show.
        faults: Recordings of which no clips could be made, with why.
    """

    instances: int
    thumbnails: int
    clips: int
    playable: int
    faults: tuple[str, ...]


@dataclass
class _Clips:
    """Clips that were made: their description for the page, and in it their data."""

    entries: list[dict[str, Any]]
    data: list[str]
    faults: list[str]


Progress = Callable[[Sequence[Moment]], Iterable[Moment]]


def write_report(
    index: Index,
    tables: Tables,
    path: Path,
    clock: Clock,
    options: ReportOptions,
    progress: Progress = iter,
) -> ReportFacts:
    """Write a page.

    Args:
        index: Where boxes and thumbnails are.
        tables: What is shown.
        path: The file to write; `beside`, clips go into a folder named after it.
        clock: Says where days begin.
        options: How.
        progress: Passes on the moments of which clips are made.

    Raises:
        OutputError: It cannot be written.
        RecordingsError: There are more than `MOST_INSTANCES` actions.
    """
    if len(tables.instances) > MOST_INSTANCES:
        raise RecordingsError(
            f'{len(tables.instances):,} actions are more than the {MOST_INSTANCES:,} that a page '
            'can show; choose some with --camera, --from, --to or --least-score'
        )
    events = find_events(tables)
    interest = np.zeros(len(tables.instances))
    own = events.row >= 0
    interest[events.row[own]] = events.interest[own]
    sprites = _sprites(index, tables, interest, options)
    clips = _make_clips(index, tables, events, path, clock, options, sprites.size, progress)
    _write_page(path, tables, clock, options, (sprites, clips, interest))
    return ReportFacts(
        len(tables.instances),
        int((sprites.of >= 0).sum()),
        len(clips.entries),
        _playable(tables, clips),
        tuple(dict.fromkeys(clips.faults)),
    )


def _sprites(index: Index, tables: Tables, interest: np.ndarray, options: ReportOptions) -> Sprites:
    found = tables.instances

    keys = {recording.recording: recording.key for recording in index.recordings()}
    files = {view.view: (keys[view.recording], view.number) for view in index.views()}

    def find(row: int) -> Path:
        key, number = files[int(found.view[row])]
        return thumbnail_path(index.folder, key, number, int(found.instance[row]))

    order = np.argsort(-interest, kind='stable').tolist()
    budget = int(options.size * MEGABYTE * THUMBNAILS_SHARE)
    return make_sprites(len(found), order, find, budget)


def _make_clips(
    index: Index,
    tables: Tables,
    events: Events,
    path: Path,
    clock: Clock,
    options: ReportOptions,
    used: int,
    progress: Progress,
) -> _Clips:
    """Return clips of the moments of most interest a second, as many as there is room for."""
    made = _Clips([], [], [])
    if options.clips == 'none':
        return made
    moments = find_moments(events, tables.views)
    worth = [events.interest[m.first : m.last].max() / m.duration for m in moments]
    moments = [moments[n] for n in np.argsort(-np.array(worth), kind='stable').tolist()]
    folder = clips_folder(path)
    if options.clips == 'beside':
        make_folder(folder)
        for old in folder.glob('[0-9][0-9][0-9][0-9][0-9][0-9].mp4'):
            old.unlink()
    boxes, room = IndexBoxes(index), options.size * MEGABYTE - used
    for moment in progress(moments):
        view = tables.views[moment.view]
        scene = find_scene(moment, tables, clock)
        try:
            data = encode_clip(
                (
                    Frame(f.camera, f.stamp, draw_scene(f, moment, scene, tables, boxes))
                    for f in moment_frames(moment, view, RATE, index)
                ),
                moment.start,
            )
        except SourceError as error:
            made.faults.append(str(error))
            continue
        if not data:
            continue
        entry: dict[str, Any] = {'view': moment.view, 'start': moment.start, 'end': moment.end}
        if options.clips == 'beside':
            name = f'{len(made.entries):06d}.mp4'
            (folder / name).write_bytes(data)
            entry['file'] = f'{quote(folder.name)}/{name}'
        else:
            text = base64.b64encode(data).decode()
            room -= len(text)
            if room < 0:
                break
            made.data.append(text)
        made.entries.append(entry)
    return made


def clips_folder(path: Path) -> Path:
    """Return where the clips of a page lie that are not in it."""
    return path.with_name(f'{path.stem}_clips')


def _playable(tables: Tables, clips: _Clips) -> int:
    found, count = tables.instances, 0
    for view in tables.views:
        own = sorted((e['start'], e['end']) for e in clips.entries if e['view'] == view)
        begins = np.array([begin for begin, _ in own], np.int64)
        ends = np.array([end for _, end in own], np.int64)
        starts = found.start[found.view == view]
        place = np.searchsorted(begins, starts, side='right') - 1
        if len(own):
            count += int(((place >= 0) & (ends[place] > starts)).sum())
    return count


def _write_page(
    path: Path,
    tables: Tables,
    clock: Clock,
    options: ReportOptions,
    made: tuple[Sprites, _Clips, np.ndarray],
) -> None:
    from jinja2 import Environment, FileSystemLoader

    sprites, clips, interest = made
    source = Path(__file__).parent
    environment = Environment(autoescape=True, loader=FileSystemLoader(source))
    text = environment.get_template('page.html').render(
        title=options.title,
        policy=POLICY.format(beside=" file: 'self'" if options.clips == 'beside' else ''),
        style=(source / 'page.css').read_text('utf-8'),
        script=(source / 'page.js').read_text('utf-8'),
        data=page_data(tables, clock, options, sprites, clips.entries, interest),
        sheets=sprites.sheets,
        clips=clips.data,
    )
    make_folder(path.parent)
    with write_whole(path) as file:
        file.write_text(text, 'utf-8', errors='replace')  # halves of surrogates, of odd names
