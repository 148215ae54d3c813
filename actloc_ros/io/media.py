"""Find and open the videos of a data set, whether files or folders of images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actloc_ros.files import VIDEO_SUFFIXES, short_name
from actloc_ros.frames import NANOSECONDS, seconds
from actloc_ros.io.frame_folder import FrameFolder
from actloc_ros.io.source import SourceError, is_hidden, refuse_unless_file
from actloc_ros.io.video_reader import VideoReader
from actloc_ros.truth.annotations import AnnotationError

Frames = VideoReader | FrameFolder


@dataclass(frozen=True, eq=False)
class VideoInfo:
    """How long, how fast and how large a video is.

    Attributes:
        frames: How many there are.
        fps: Their mean rate in Hz.
        width: In pixels.
        height: In pixels.
        times: int64 (frames,), when each is shown, in ns from the first one on; None where they
            have no times of their own and follow at `fps`.
    """

    frames: int
    fps: float
    width: int
    height: int
    times: np.ndarray | None = None

    def frame_at(self, time: float) -> int:
        """Return the frame that is shown nearest to a time in s from the first frame on.

        Beyond the end, frames are counted on at the mean rate.
        """
        if self.times is None:
            return round(time * self.fps)
        last = seconds(self.times[-1])
        if time > last:
            return self.frames - 1 + round((time - last) * self.fps)
        return int(np.abs(self.times - time * NANOSECONDS).argmin())


def open_frames(path: Path) -> Frames:
    """Open a video file or a folder of images.

    Raises:
        AnnotationError: It is neither, or cannot be read.
    """
    if not path.exists():
        raise AnnotationError(f'{path} does not exist')
    try:
        refuse_unless_file(path)
    except SourceError as error:
        raise AnnotationError(str(error)) from error
    return FrameFolder(path) if path.is_dir() else VideoReader(path)


def shape_of(path: Path, fps: float) -> VideoInfo:
    """Read a video's properties; `fps` is the rate where the file gives none.

    Raises:
        AnnotationError: It cannot be read.
    """
    frames = open_frames(path)
    try:
        height, width = frames.read([0]).shape[1:3]
        return VideoInfo(len(frames), frames.fps or fps, width, height, frames.times)
    finally:
        frames.close()


def shape_or(path: Path, fps: float, other: VideoInfo) -> VideoInfo:
    """Return a video's shape, or `other` where it is missing or broken, as a check will say."""
    try:
        return shape_of(path, fps)
    except AnnotationError:
        return other


def find_video(folder: Path, name: str) -> Path:
    """Return where the video of this name lies; where it should lie if it is not there.

    It may be a file of any video's suffix or a folder of images, in `folder`, by its whole name
    or by the last part of it, or one folder further down.
    """
    for path in _candidates(folder, name):
        if path.exists():
            return path
    return folder / name


def _candidates(folder: Path, name: str) -> Iterator[Path]:
    """Yield where a video may lie; what must be searched for comes last."""
    short = short_name(name)
    yield from _variants(folder / name)
    yield from _variants(folder / short)
    for pattern in (f'{_plain(short)}*', f'*/{_plain(short)}*'):
        for path in sorted(folder.glob(pattern)):
            if path.name == short or short_name(path.name) == short:
                yield path


def _variants(path: Path) -> Iterator[Path]:
    yield path
    for suffix in VIDEO_SUFFIXES:
        yield path.with_name(path.name + suffix)


def _plain(name: str) -> str:
    """Return a pattern that matches this name alone."""
    return ''.join(f'[{c}]' if c in '*?[' else c for c in name)


def shown_paths(paths: Iterable[Path]) -> list[Path]:
    """Return the paths that are not hidden, sorted."""
    return sorted(path for path in paths if not is_hidden(path))


def shown_files(folder: Path, suffix: str) -> list[Path]:
    """Return what has this suffix, in letters of either case, in a folder; sorted."""
    return [path for path in shown_paths(folder.iterdir()) if path.suffix.lower() == suffix]


def first_folder(candidates: Sequence[Path]) -> Path:
    """Return the first folder that exists, else the last candidate."""
    return next((path for path in candidates if path.is_dir()), candidates[-1])


def relative(path: Path, folder: Path) -> str:
    """Return a path as annotations in `folder` name it; links are not followed."""
    return Path(os.path.relpath(path, folder)).as_posix()
