"""Keep evidence of alarms: clips with and without boxes, a snapshot, and the original messages."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from actloc_ros.alarms.alarm import Alarm, AlarmType, Evidence
from actloc_ros.alarms.alarm_bag import SerializedMessage
from actloc_ros.alarms.evidence_folder import (
    BAG,
    CLIP,
    CLIP_BOXES,
    SNAPSHOT,
    EvidenceFolder,
    alarm_folder,
)
from actloc_ros.alarms.evidence_inbox import (
    EvidenceInbox,
    FrameItem,
    MessageItem,
    RowsItem,
    StepItem,
)
from actloc_ros.alarms.evidence_options import Capture, EvidenceCounts, EvidenceOptions
from actloc_ros.alarms.evidence_worker import EvidenceWorker
from actloc_ros.frames import Frame
from actloc_ros.io.drawing import ActionRow
from actloc_ros.rate_limit import RateLimit

MOST_OPEN = 10_000  # alarms whose files' names are remembered
NO_CAPTURE = Capture(clip=False, snapshot=False)


class EvidenceRecorder:
    """Writes files of alarms in a thread of its own, without holding up who feeds it.

    Feed it every frame of the cameras, and where they are known the rows to draw and the messages;
    then pass each step of an alarm through `attach`. All methods may be called by any thread.
    """

    def __init__(
        self,
        folder: str | Path,
        options: EvidenceOptions | None = None,
        on_fault: Callable[[str], None] | None = None,
    ) -> None:
        """Take the folder, and begin.

        Args:
            folder: Of all evidence; made where it is missing. One recorder uses it at a time.
            options: What to keep, and what it may cost.
            on_fault: Called by the recorder's thread with a sentence for each failure.

        Raises:
            OutputError: The folder cannot be made or written to, or another recorder uses it.
        """
        self._options = options or EvidenceOptions()
        self._folder = EvidenceFolder(folder, self._options.budget)
        self._inbox = EvidenceInbox(self._options.lossless)
        self._lock = threading.Lock()
        self._limits: dict[str, RateLimit] = {}
        self._promised: OrderedDict[str, tuple[str, Capture]] = OrderedDict()
        self._worker = EvidenceWorker(self._folder, self._options, self._inbox, on_fault)
        self._worker.start()

    def add_frame(self, frame: Frame, jpeg: bytes | None = None) -> None:
        """Use a frame.

        Args:
            frame: Its image is not changed by anybody afterwards.
            jpeg: The same image as JPEG, where it came so: it need not be encoded again.
        """
        with self._lock:
            limit = self._limits.setdefault(frame.camera, RateLimit())
            if not limit.due(frame.stamp, self._options.rate):
                return
        if not self._inbox.put(FrameItem(frame, jpeg)):
            self._worker.count('frames_lost')

    def add_rows(self, camera: str, stamp: int, rows: Iterable[ActionRow]) -> None:
        """Use what was detected in the frame of `stamp` ns, for the clip with boxes.

        A frame without rows gets those of the last 0.5 s. Of a camera that has none at all, the
        boxes of the alarm are drawn.
        """
        if not self._inbox.put(RowsItem(camera, stamp, tuple(rows))):
            self._worker.count('messages_lost')

    def add_message(self, message: SerializedMessage) -> None:
        """Use a message for the bag; images are there by themselves, as `CompressedImage`."""
        if not self._inbox.put(MessageItem(message)):
            self._worker.count('messages_lost')

    def attach(self, alarm: Alarm) -> Alarm:
        """Use a step of an alarm; return it with the names of its files.

        The files are written meanwhile: the snapshot with the first frame, clips and bag once the
        alarm and `post_capture` have passed. Each appears whole or not at all. A name is left out
        where it is known that the file will not come, and a failure is counted and reported.
        """
        with self._lock:
            known = self._promised.get(alarm.id)
            name, capture = known or self._promise(alarm)
            if alarm.type is AlarmType.END:
                self._promised.pop(alarm.id, None)
        if not self._inbox.put(StepItem(alarm, name, capture)):
            self._worker.count('steps_lost')
            if known is None:
                self._worker.forget(name, capture)
                with self._lock:
                    if alarm.id in self._promised:
                        self._promised[alarm.id] = name, NO_CAPTURE
                return alarm
        return replace(alarm, evidence=self._evidence(name, capture))

    def counts(self) -> EvidenceCounts:
        """Return what became of the evidence so far."""
        return self._worker.counts()

    def close(self, timeout: float = 10.0) -> None:
        """Complete what was begun, within about `timeout` s, and leave the folder to others.

        Clips end with the newest frame; those that are not complete in time are given up.
        """
        self._inbox.close()
        self._worker.finish(timeout)
        self._folder.close()

    def __enter__(self) -> EvidenceRecorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _promise(self, alarm: Alarm) -> tuple[str, Capture]:
        """Decide what an alarm gets."""
        name = alarm_folder(alarm)
        capture = self._worker.reserve(name, self._options.capture(alarm))
        self._promised[alarm.id] = name, capture
        if len(self._promised) > MOST_OPEN:
            self._promised.popitem(last=False)
        return name, capture

    def _evidence(self, name: str, capture: Capture) -> Evidence:
        failed = self._worker.failed(name)
        return Evidence(
            snapshot=f'{name}/{SNAPSHOT}' if capture.snapshot and SNAPSHOT not in failed else '',
            **{
                key: f'{name}/{file}' if capture.clip and CLIP not in failed else ''
                for key, file in (('clip', CLIP), ('clip_boxes', CLIP_BOXES), ('bag', BAG))
            },
        )
