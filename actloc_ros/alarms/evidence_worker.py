"""Encode frames and write the files of alarms, in one thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from actloc_ros.alarms.alarm import AlarmType
from actloc_ros.alarms.clip import AlarmFiles, CameraRings, StoredFrame, encode_jpeg
from actloc_ros.alarms.evidence_folder import CLIP, SNAPSHOT, EvidenceFolder
from actloc_ros.alarms.evidence_inbox import (
    EvidenceInbox,
    FrameItem,
    Item,
    MessageItem,
    RowsItem,
    StepItem,
)
from actloc_ros.alarms.evidence_options import Capture, EvidenceCounts, EvidenceOptions
from actloc_ros.alarms.ring import StampedRing
from actloc_ros.files import OutputError
from actloc_ros.frames import nanoseconds

SETTLE = nanoseconds(1.0)  # for which a frame waits for its rows and messages
GAP = nanoseconds(10.0)  # a longer one between frames ends clips
SILENCE = 5.0  # s by the wall without a frame, after which an ended alarm's clip is completed
BATCH = 100  # items that are taken between two looks at the clips: what is not taken is lost
FRAMES_AT_A_TIME = 1  # of each clip
DISK_PERIOD = 1.0  # s between looks at the disk
IDLE = 0.2  # s
ROW_BYTES = 200
MOST_FILES = 1000  # of alarms that have not ended

_log = logging.getLogger(__name__)


class EvidenceWorker:
    """The thread behind an `EvidenceRecorder`, and what both share."""

    def __init__(
        self,
        folder: EvidenceFolder,
        options: EvidenceOptions,
        inbox: EvidenceInbox,
        on_fault: Callable[[str], None] | None,
    ) -> None:
        self._folder, self._options, self._inbox = folder, options, inbox
        self._on_fault = on_fault or _log.warning
        self._thread = threading.Thread(target=self._run, name='evidence', daemon=True)
        # Shared with those who call the recorder.
        self._lock = threading.Lock()
        self._counts = EvidenceCounts()
        self._reserved: set[str] = set()  # names of alarms with a clip in work
        self._failed: dict[str, set[str]] = {}
        self._full = False
        self._give_up = threading.Event()
        # Of the thread alone.
        self._rings: dict[str, CameraRings] = {}
        self._heard: dict[str, float] = {}  # when the camera's newest frame came, by the wall
        self._files: dict[str, AlarmFiles] = {}
        self._disk_seen = 0.0

    def start(self) -> None:
        """Begin."""
        self._look_at_disk()
        self._thread.start()

    def finish(self, timeout: float) -> None:
        """Wait for up to `timeout` s until the closed inbox is empty and the clips are complete."""
        self._thread.join(timeout)
        self._give_up.set()
        self._thread.join(2.0)

    def reserve(self, name: str, wanted: Capture) -> Capture:
        """Return what an alarm gets of what it wants, and count its clip as in work."""
        with self._lock:
            if self._full:
                self._counts.refused += 1
                return replace(wanted, clip=False, snapshot=False)
            if wanted.clip and len(self._reserved) >= self._options.max_clips:
                self._counts.refused += 1
                return replace(wanted, clip=False)
            if wanted.clip:
                self._reserved.add(name)
            return wanted

    def forget(self, name: str, capture: Capture) -> None:
        """Take back what was reserved, as nothing will be written."""
        with self._lock:
            if capture.clip:
                self._reserved.discard(name)

    def failed(self, name: str) -> set[str]:
        """Return what of an alarm's files will not come: of a snapshot and a clip."""
        with self._lock:
            return set(self._failed.get(name, ()))

    def count(self, what: str, by: int = 1) -> None:
        """Add to one of the counts."""
        with self._lock:
            setattr(self._counts, what, getattr(self._counts, what) + by)

    def counts(self) -> EvidenceCounts:
        """Return a copy of the counts."""
        with self._lock:
            return replace(self._counts)

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            self._inbox.close()  # nobody is to wait for a thread that is no more

    def _serve(self) -> None:
        busy = False
        while not (self._inbox.closed and not len(self._inbox)) and not self._give_up.is_set():
            for item in self._inbox.take(BATCH, 0.0 if busy else IDLE):
                self._use(item)
                while self._options.lossless and self._advance():
                    pass
            busy = self._advance()
            if time.monotonic() - self._disk_seen > DISK_PERIOD:
                self._look_at_disk()
        for files in list(self._files.values()):
            self._complete(files)
            self._leave(files)

    def _use(self, item: Item) -> None:
        try:
            if isinstance(item, FrameItem):
                self._use_frame(item)
            elif isinstance(item, RowsItem):
                size = ROW_BYTES * (1 + len(item.rows))
                self._rings_of(item.camera).rows.add(item.stamp, item.rows, size)
            elif isinstance(item, MessageItem):
                message = item.message
                rings = self._rings_of(message.camera)
                rings.messages.add(message.stamp, message, len(message.data))
            else:
                self._use_step(item)
        except Exception as error:  # the thread has to go on, whatever one item holds
            self._report(f'evidence: {error}')

    def _use_frame(self, item: FrameItem) -> None:
        frame = item.frame
        rings = self._rings_of(frame.camera)
        newest = rings.frames.newest
        if newest is not None and not newest <= frame.stamp <= newest + GAP:
            for files in self._of_camera(frame.camera):
                self._complete(files)
            rings.clear()
        elif frame.stamp == newest:
            return
        jpeg = item.jpeg or encode_jpeg(frame.image)
        rings.frames.add(frame.stamp, StoredFrame(jpeg, frame.frame_id), len(jpeg))
        self._heard[frame.camera] = time.monotonic()

    def _use_step(self, item: StepItem) -> None:
        files = self._files.get(item.name)
        if files is None:
            topic = self._options.image_topics.get(item.alarm.camera)
            topic = topic or f'/{item.alarm.camera or "camera"}/image'
            topic = topic if topic.endswith('/compressed') else f'{topic}/compressed'
            files = AlarmFiles(self._folder.path, item.name, item.alarm, item.capture, topic)
            self._files[item.name] = files
            while len(self._files) > MOST_FILES:
                oldest = next(iter(self._files.values()))
                self._complete(oldest)
                self._leave(oldest)
        else:
            files.take(item.alarm)
        self._try_snapshot(files, force=False)
        if item.alarm.type is AlarmType.END and not files.wants_clip:
            self._complete(files)
            self._leave(files)

    def _rings_of(self, camera: str) -> CameraRings:
        if camera not in self._rings:
            history, memory = self._options.history, self._options.memory
            self._rings[camera] = CameraRings(
                StampedRing(history, memory),
                StampedRing(history, memory),
                StampedRing(history, memory),
            )
        return self._rings[camera]

    def _of_camera(self, camera: str) -> list[AlarmFiles]:
        return [files for files in self._files.values() if files.alarm.camera == camera]

    def _advance(self) -> bool:
        """Write some frames of each clip; say whether there is more to do."""
        busy = False
        for files in list(self._files.values()):
            busy |= self._advance_one(files)
        return busy

    def _advance_one(self, files: AlarmFiles) -> bool:
        camera = files.alarm.camera
        rings = self._rings_of(camera)
        newest = rings.frames.newest
        if newest is None:
            settled = files.alarm.start
        else:
            settled = newest - SETTLE
            if files.wants_snapshot and settled >= files.alarm.stamp:
                self._try_snapshot(files, force=True)
        silent = time.monotonic() - self._heard.get(camera, 0.0) > SILENCE
        ended = files.alarm.type is AlarmType.END
        if files.wants_clip and not files.complete:
            if files.began and (rings.frames.lost or files.written) > files.written:
                self.count('gaps')
            try:
                if files.advance(rings, settled, FRAMES_AT_A_TIME):
                    return True
            except Exception as error:  # whatever a disk or an encoder meets: the alarm goes on
                self._fail(files, error)
        if settled >= files.until or (ended and silent and not self._options.lossless):
            self._complete(files)
        if ended and files.complete:
            self._leave(files)
        return False

    def _complete(self, files: AlarmFiles) -> None:
        """Complete an alarm's files with what is there."""
        if files.complete:
            return
        rings = self._rings_of(files.alarm.camera)
        self._try_snapshot(files, force=True)
        try:
            if files.wants_clip:
                while files.advance(rings, files.until, FRAMES_AT_A_TIME):
                    if self._give_up.is_set():
                        raise OutputError('the program ended before the clip was complete')
            if files.finish():
                self.count('clips')
            elif files.wants_clip:
                raise OutputError(f'no frame of camera {files.alarm.camera!r} was there')
        except Exception as error:  # as above
            self._fail(files, error)
        self._close(files)

    def _try_snapshot(self, files: AlarmFiles, force: bool) -> None:
        if not files.wants_snapshot:
            return
        try:
            if files.write_snapshot(self._rings_of(files.alarm.camera), force):
                self.count('snapshots')
            elif force:
                raise OutputError(f'no frame of camera {files.alarm.camera!r} was there')
        except Exception as error:  # as above
            files.wants_snapshot = False
            self._blame(files, SNAPSHOT, error)
            self.count('snapshots_failed')

    def _fail(self, files: AlarmFiles, error: Exception) -> None:
        """Give an alarm's clip up."""
        files.abort(error)
        self._blame(files, CLIP, error)
        self.count('clips_failed')
        self._close(files)

    def _blame(self, files: AlarmFiles, what: str, error: Exception) -> None:
        with self._lock:
            self._failed.setdefault(files.name, set()).add(what)
        files.fault = f'{what}: {error}'
        self._report(f'alarm {files.alarm.id} of rule {files.alarm.rule} has no {files.fault}')

    def _close(self, files: AlarmFiles) -> None:
        """Take note that nothing more is written of an alarm's clip."""
        files.complete = True
        with self._lock:
            self._reserved.discard(files.name)
        self._folder.record(files.name)

    def _leave(self, files: AlarmFiles) -> None:
        """Write down what an alarm was, and forget it."""
        del self._files[files.name]
        with self._lock:
            self._failed.pop(files.name, None)
        if not self._full:
            try:
                files.write_record()
            except (OSError, OutputError) as error:
                self._report(f'evidence: {error}')
        self._folder.record(files.name)

    def _look_at_disk(self) -> None:
        """Keep to the budget; where nothing can be removed any more, write no more."""
        self._disk_seen = time.monotonic()
        in_work = set(self._files)
        try:
            removed = self._folder.make_room(in_work)
            full = not self._folder.has_room(in_work)
        except OSError as error:
            removed, full = 0, True
            self._report(f'evidence: {error}')
        began = full and not self._full
        with self._lock:
            self._full = full
            self._counts.removed += removed
        if full:
            for files in list(self._files.values()):
                self._complete(files)
        if began:
            self._report(
                f'evidence: {self._folder.path} has no room within its budget: alarms get no '
                'clips or snapshots until there is'
            )

    def _report(self, fault: str) -> None:
        with self._lock:
            self._counts.fault = fault
        with suppress(Exception):  # of whoever is called
            self._on_fault(fault)
