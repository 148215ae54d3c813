"""Read a video file as frames, upright and by their own presentation times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from av.video.reformatter import VideoReformatter

from actloc_ros.frames import Frame
from actloc_ros.io.source import Source, SourceError
from actloc_ros.io.video_file import VideoFile, upright
from actloc_ros.rate_limit import RateLimit

DISCARDED = 2  # FFmpeg's flag of a frame that an edit list hides


class VideoSource(Source):
    """The main video stream of a file, turned upright where a flag says how it was held."""

    def __init__(self, path: Path, camera: str) -> None:
        """Read the file's properties; see `open_source`."""
        self.path, self.camera = path, camera
        with VideoFile(path) as video:
            self.rate = video.rate
            self.length = _length(video)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; their stamps are presentation times in ns."""
        self.broken = self.left_out = 0
        limit = RateLimit()
        self.fault = f'{self.path} has packets that cannot be decoded'
        stamp: int | None = None
        convert = VideoReformatter()
        with VideoFile(self.path) as video:
            for frame in video.decode():
                if frame is None:
                    self.broken += 1
                    continue
                stamp = video.stamp(frame, stamp)
                if not limit.due(stamp, self.max_rate):
                    self.left_out += 1
                    continue
                yield Frame(self.camera, stamp, upright(frame, convert))
        if stamp is None:
            raise SourceError(f'{self.path} holds no frame that can be decoded')


def _length(video: VideoFile) -> int | None:
    """Return the number of frames by the file's header; None where it has none."""
    entries = video.stream.index_entries
    if not video.stream.frames or 'mp4' not in video.container.format.name or not len(entries):
        return video.stream.frames or None
    # Edit lists leave frames out, and may show some twice.
    return sum(not entry.flags & DISCARDED for entry in entries) or None
