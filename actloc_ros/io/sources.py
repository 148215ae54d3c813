"""Open a video, a folder of images, a bag or a live stream as a source of frames."""

from __future__ import annotations

from pathlib import Path

from actloc_ros.io.source import DEFAULT_RATE, Source, SourceError, is_bag, refuse_unless_file
from actloc_ros.io.stream.address import is_stream, masked


def open_source(
    path: str | Path,
    topic: str | None = None,
    camera: str = '',
    rate: float = DEFAULT_RATE,
    patience: float | None = None,
) -> Source:
    """Open a recording, or prepare a live stream.

    Args:
        path: A video file, a folder of images, a rosbag2 (its folder, or one mcap or sqlite3
            file of it), or the address of a stream, as text.
        topic: The image topic of a bag; needed where it has several.
        camera: The camera's name.
        rate: Frames per second of a folder of images, above 0.
        patience: For how many s a stream may send nothing before it is given up; 0: for ever;
            None: `source_stream.PATIENCE`.

    Returns:
        The source. Stamps are those of the headers in a bag, presentation times in a video,
        multiples of 1 / `rate` in a folder, and times by the wall clock in a stream.

    Raises:
        SourceError: There is no such recording, or it cannot be read or has no images.
    """
    if isinstance(path, str) and is_stream(path):
        from actloc_ros.io.stream.source import PATIENCE, StreamSource

        if topic:
            raise SourceError(f'{masked(path)} is no bag, so it has no topic {topic}; leave it out')
        return StreamSource(path, camera, PATIENCE if patience is None else patience)
    path = Path(path)
    if not path.exists():
        raise SourceError(f'{path} does not exist; give a video, a folder of images or a bag')
    refuse_unless_file(path)
    if is_bag(path):
        from actloc_ros.io.source_bag import BagSource

        return BagSource(path, topic, camera)
    if topic:
        raise SourceError(f'{path} is not a bag, so it has no topic {topic}; leave the topic out')
    if path.is_dir():
        from actloc_ros.io.source_folder import FolderSource

        return FolderSource(path, camera, rate)
    from actloc_ros.io.source_video import VideoSource

    return VideoSource(path, camera)
