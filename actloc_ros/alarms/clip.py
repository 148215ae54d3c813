"""Write the clips and the bag of one alarm, a few frames at a time."""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from actloc_ros.alarms.alarm import Alarm, AlarmType, alarm_to_json
from actloc_ros.alarms.alarm_bag import AlarmBag, SerializedMessage
from actloc_ros.alarms.evidence_folder import BAG, CLIP, CLIP_BOXES, RECORD, SNAPSHOT
from actloc_ros.alarms.evidence_options import Capture
from actloc_ros.alarms.ring import StampedRing
from actloc_ros.files import OutputError, write_whole
from actloc_ros.frames import nanoseconds, seconds
from actloc_ros.io.drawing import ActionRow, draw
from actloc_ros.io.image_file import decode_image
from actloc_ros.io.video_writer import VideoWriter

JPEG_QUALITY = 85
SNAPSHOT_TOLERANCE = nanoseconds(0.25)
ROWS_TOLERANCE = nanoseconds(0.5)  # for which rows are drawn where later frames have none
NOMINAL_RATE = 30.0  # Hz, where frames come as they come


@dataclass(frozen=True)
class StoredFrame:
    """A frame as it is kept: JPEG, and what its header says."""

    jpeg: bytes
    frame_id: str


@dataclass(frozen=True)
class CameraRings:
    """What is kept of one camera; stamps are those of the headers."""

    frames: StampedRing[StoredFrame]
    rows: StampedRing[tuple[ActionRow, ...]]
    messages: StampedRing[SerializedMessage]

    def clear(self) -> None:
        """Throw everything away."""
        for ring in (self.frames, self.rows, self.messages):
            ring.clear()


def encode_jpeg(image: np.ndarray) -> bytes:
    """Return uint8 (H, W, 3) RGB as JPEG.

    Raises:
        OutputError: It is too large.
    """
    # OpenCV swaps the channels with less work than an encoder of its own would take.
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    encoded, data = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not encoded:
        raise OutputError(f'an image of {image.shape[1]}x{image.shape[0]} pixels is too large')
    return data.tobytes()


class AlarmFiles:
    """The files of one alarm, while they are written.

    Attributes:
        name: Of the alarm's folder.
        alarm: The newest step.
        wants_snapshot: Whether one is still to be written.
        complete: Whether the clip is, or was given up.
        fault: Why a file is missing.
    """

    def __init__(self, folder: Path, name: str, alarm: Alarm, capture: Capture, topic: str) -> None:
        """Begin, without writing anything yet.

        Args:
            folder: Of all evidence.
            name: Of the alarm's folder in it.
            alarm: The first step.
            capture: What to write.
            topic: Of the images in the bag.
        """
        self.name, self.alarm = name, alarm
        self.wants_snapshot = capture.snapshot
        self.complete, self.fault = False, ''
        self._folder, self._capture, self._topic = folder / name, capture, topic
        self._written = alarm.start - nanoseconds(capture.pre_capture) - 1  # stamp in ns
        self._logged = self._written
        self._first: int | None = None
        self._steps = [alarm]
        self._writers: _Writers | None = None

    def take(self, step: Alarm) -> None:
        """Use a later step."""
        self.alarm = step
        self._steps.append(step)
        del self._steps[1:-1000]  # an alarm of many hours

    @property
    def wants_clip(self) -> bool:
        """Whether clips are being written."""
        return self._capture.clip

    @property
    def began(self) -> bool:
        """Whether a frame of the clip was written."""
        return self._first is not None

    @property
    def until(self) -> int:
        """The stamp in ns of the last frame of the clip, as far as it is known."""
        begin = self._written if self._first is None else self._first
        longest = begin + nanoseconds(self._capture.max_length)
        if self.alarm.type is not AlarmType.END:
            return longest
        return min(longest, self.alarm.end + nanoseconds(self._capture.post_capture))

    @property
    def written(self) -> int:
        """The stamp in ns up to which frames are written."""
        return self._written

    def write_snapshot(self, rings: CameraRings, force: bool) -> bool:
        """Write the frame of the first step, with the actors in it; say whether it was there.

        Args:
            rings: Of the alarm's camera.
            force: Take the nearest frame, whatever its stamp.

        Raises:
            OutputError: It cannot be written.
            ImageError: The frame cannot be decoded.
        """
        first = self._steps[0]
        found = rings.frames.nearest(first.stamp)
        if found is None or not (force or abs(found[0] - first.stamp) <= SNAPSHOT_TOLERANCE):
            return False
        self.wants_snapshot = False
        image = draw(decode_image(found[1].jpeg), _boxes(first), _caption(first))
        self._folder.mkdir(parents=True, exist_ok=True)
        with write_whole(self._folder / SNAPSHOT) as file:
            file.write_bytes(encode_jpeg(image))
        return True

    def advance(self, rings: CameraRings, until: int, most: int) -> int:
        """Write up to `most` frames of stamps up to `until` ns; return how many there were.

        Raises:
            OutputError: They cannot be written.
            ImageError: A frame cannot be decoded.
        """
        until = min(until, self.until)
        frames = rings.frames.after(self._written, until)[:most]
        for stamp, frame in frames:
            if stamp > self.until:  # known with the first frame
                break
            self._write(stamp, frame, rings)
        if self._writers is not None:
            for stamp, message in rings.messages.after(self._logged, min(until, self._written)):
                self._writers.bag.write(message)
                self._logged = stamp
        return len(frames)

    def finish(self) -> bool:
        """Complete the files; say whether there is a clip.

        Raises:
            OutputError: They cannot be written.
        """
        writers, self._writers = self._writers, None
        if writers is not None:
            writers.close(self.alarm)
        return writers is not None

    def write_record(self) -> None:
        """Write what the alarm was, and why files are missing.

        Raises:
            OutputError: It cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        names = {'snapshot': SNAPSHOT, 'clip': CLIP, 'clip_boxes': CLIP_BOXES, 'bag': BAG}
        record = alarm_to_json(self.alarm) | {
            key: file if (self._folder / file).exists() else '' for key, file in names.items()
        }
        with write_whole(self._folder / RECORD) as file:
            file.write_text(json.dumps(record | {'fault': self.fault}, indent=1) + '\n')

    def abort(self, error: Exception) -> None:
        """Leave none of the files that are not complete."""
        writers, self._writers = self._writers, None
        if writers is not None:
            writers.abort(error)

    def _write(self, stamp: int, frame: StoredFrame, rings: CameraRings) -> None:
        image = decode_image(frame.jpeg)
        if self._writers is None:
            self._first = stamp
            self._folder.mkdir(parents=True, exist_ok=True)
            self._writers = _Writers(self._folder)
        step = self._step_at(stamp)
        boxed = draw(image, self._rows_at(stamp, step, rings), _caption(step) if step else '')
        self._writers.clip.write(stamp, image)
        self._writers.boxes.write(stamp, boxed)
        self._writers.bag.write_image(self._topic, stamp, frame.frame_id, frame.jpeg)
        self._written = stamp

    def _step_at(self, stamp: int) -> Alarm | None:
        """Return the newest step at a stamp; None before the first and after the end."""
        if stamp < self.alarm.start or (
            self.alarm.type is AlarmType.END and stamp > self.alarm.end
        ):
            return None
        return max(
            (step for step in self._steps if step.stamp <= stamp),
            key=lambda step: step.stamp,
            default=self._steps[0],
        )

    def _rows_at(self, stamp: int, step: Alarm | None, rings: CameraRings) -> tuple[ActionRow, ...]:
        """Return what is drawn: what was detected, else the actors that the alarm says."""
        found = rings.rows.before(stamp)
        if found is not None and stamp - found[0] <= ROWS_TOLERANCE:
            return found[1]
        if step is not None and len(rings.rows) == 0 and stamp >= step.stamp:
            return _boxes(step)
        return ()


class _Writers:
    """The open files of a clip."""

    def __init__(self, folder: Path) -> None:
        with ExitStack() as stack:
            self.clip = stack.enter_context(VideoWriter(folder / CLIP, NOMINAL_RATE))
            self.boxes = stack.enter_context(VideoWriter(folder / CLIP_BOXES, NOMINAL_RATE))
            self.bag = AlarmBag(folder / BAG)
            self._stack = stack.pop_all()

    def close(self, alarm: Alarm) -> None:
        """Complete the videos and the bag."""
        try:
            with self._stack:
                self.bag.close(alarm)
        except Exception as error:
            self.bag.abort(error)
            raise

    def abort(self, error: Exception) -> None:
        """Leave no file."""
        for leave in (self.bag.abort, lambda e: self._stack.__exit__(type(e), e, None)):
            with suppress(Exception):  # what broke a file breaks its completion too
                leave(error)


def _boxes(alarm: Alarm) -> tuple[ActionRow, ...]:
    label, lasted = ', '.join(alarm.labels), seconds(alarm.stamp - alarm.start)
    return tuple(
        ActionRow(track, box, label, alarm.score, lasted) for track, box in alarm.boxes.items()
    )


def _caption(alarm: Alarm) -> str:
    return f'{alarm.rule} ({alarm.severity.value})'
