"""Write hits for players: a playlist with times, and chapters of each recording.

An m3u has times only for VLC (`#EXTVLCOPT`); mpv takes them from an EDL, so both are written.
https://github.com/mpv-player/mpv/blob/master/DOCS/edl-mpv.rst
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from actloc_ros.files import OutputError, make_folder, write_whole
from actloc_ros.recordings.search.engine import Hit
from actloc_ros.recordings.search.lines import title
from actloc_ros.recordings.search.naming import file_name, is_video
from actloc_ros.recordings.web_vtt import cue_text, cue_time

SHORTEST = 0.1  # s of a chapter or an entry, so that a player shows it
SUFFIXES = ('.m3u', '.m3u8')


def write_playlist(path: Path, hits: Sequence[Hit]) -> int:
    """Write hits in videos as a playlist, and beside it one of the suffix `.edl` for mpv.

    Returns:
        How many hits are left out, since they are in bags or folders of images.

    Raises:
        OutputError: It cannot be written, or its name has another suffix than .m3u or .m3u8.
    """
    check_playlist(path)
    lines, cuts, left = ['#EXTM3U'], ['# mpv EDL v0'], 0
    for hit in hits:
        file = Path(hit.recording).absolute()
        if not is_video(file):
            left += 1
            continue
        start, end = _span(hit)
        lines += [
            f'#EXTINF:{round(end - start)},{title(hit)}',
            f'#EXTVLCOPT:start-time={start:.3f}',
            f'#EXTVLCOPT:stop-time={end:.3f}',
            file.as_uri(),
        ]
        # By its length in bytes a name may hold commas and line breaks.
        name = str(file)
        cuts.append(f'%{len(name.encode())}%{name},{start:.3f},{end - start:.3f}')
    for target, text in ((path, lines), (path.with_suffix('.edl'), cuts)):
        make_folder(target.parent)
        with write_whole(target) as partial:
            partial.write_text('\n'.join(text) + '\n', encoding='utf-8')
    return left


def check_playlist(path: Path) -> None:
    """Refuse a name that is none of a playlist, such as that of a recording or of the EDL beside.

    Raises:
        OutputError: Its suffix is neither .m3u nor .m3u8.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f'{path} is no name of a playlist; end it with .m3u')


def write_chapters(folder: Path, hits: Sequence[Hit]) -> list[Path]:
    """Write a WebVTT file of chapters for each recording and camera with hits.

    Raises:
        OutputError: One cannot be written.
    """
    from webvtt import Caption, WebVTT

    groups: dict[tuple[str, int, str], list[Hit]] = defaultdict(list)
    for hit in hits:
        groups[hit.recording, hit.number, hit.camera].append(hit)
    make_folder(folder)
    written: list[Path] = []
    for (recording, _, camera), found in groups.items():
        chapters = WebVTT()
        for number, hit in enumerate(sorted(found, key=lambda hit: hit.start), 1):
            start, end = (cue_time(round(moment * 1000)) for moment in _span(hit))
            chapters.captions.append(
                Caption(start, end, cue_text(title(hit)), identifier=str(number))
            )
        name = file_name(Path(recording).name, camera)
        path = _unused(folder / f'{name}.vtt', written)
        with write_whole(path) as partial:
            partial.write_text(f'{chapters.content}\n', encoding='utf-8')
        written.append(path)
    return written


def _span(hit: Hit) -> tuple[float, float]:
    start, end = hit.span
    return max(0.0, start), max(end, start + SHORTEST)


def _unused(path: Path, taken: Sequence[Path]) -> Path:
    """Return a path that none of `taken` is: recordings in different folders share names."""
    number, found = 2, path
    while found in taken:
        found, number = path.with_name(f'{path.stem}_{number}{path.suffix}'), number + 1
    return found
