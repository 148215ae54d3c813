"""Keep evidence of alarms, and notify of them, beside what the node publishes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.serialization import serialize_message

from actloc_ros.alarms.alarm import Alarm
from actloc_ros.alarms.alarm_bag import SerializedMessage, message_definition
from actloc_ros.alarms.channels import Channel
from actloc_ros.alarms.evidence import EvidenceRecorder
from actloc_ros.alarms.evidence_options import EvidenceOptions
from actloc_ros.alarms.notify import Notifier, NotifyCounts
from actloc_ros.io.conversions import FrameError, image_to_frame
from actloc_ros.io.drawing import message_rows
from actloc_ros.messages import stamp_of
from actloc_ros.rate_limit import RateLimit
from actloc_ros.ros.monitor_node.jobs import JobThread
from actloc_ros.rules.file.model import Rules
from actloc_ros.rules.file.outcomes import channels, evidence_options, routes

OUTBOX = 'outbox.sqlite'
DETECTIONS_TYPE = 'actloc_ros/msg/ActionDetectionArray'
JPEG_START = b'\xff\xd8'
MOST_IMAGES = 8  # of a camera that wait
MOST_DETECTIONS = 1000  # messages that wait
JOBS_TIME, EVIDENCE_TIME, NOTIFY_TIME = 3.0, 5.0, 2.0  # s that each may take at the end


@dataclass(frozen=True)
class Wanted:
    """What is asked for by the node's parameters.

    Attributes:
        folder: Of evidence and outbox; empty: neither.
        images: The image topic of each camera of which there is evidence, by its name.
        notify: Whether the channels of the rules file are used.
    """

    folder: str
    images: Mapping[str, str]
    notify: bool

    def __post_init__(self) -> None:
        """Refuse what does not go together.

        Raises:
            ValueError: One parameter needs another.
        """
        if not self.folder and self.images:
            raise ValueError('images needs the parameter evidence, the folder of clips')
        if not self.folder and self.notify:
            raise ValueError(
                'notify needs the parameter evidence, the folder where letters wait to be sent'
            )
        if self.folder and not self.images and not self.notify:
            raise ValueError(
                'evidence is a folder, but there is nothing to keep in it: give the parameter '
                'images, topics of images, or set notify'
            )


@dataclass(frozen=True)
class _Rules:
    """What a rules file asks for."""

    options: EvidenceOptions
    channels: Sequence[Channel]
    routes: Mapping[str, Sequence[str]]


class Outcomes:
    """An `AlarmSink` that notifies, and that names and keeps evidence.

    Callbacks only leave what comes; a thread decodes images, and waits for the disk.
    """

    def __init__(self, rules: Rules, wanted: Wanted, warn: Callable[[str, str], None]) -> None:
        """Take the folder, and begin.

        Args:
            rules: What they ask for is done.
            wanted: What the parameters ask for.
            warn: Takes each fault's kind and text, in any thread.

        Raises:
            ValueError: The folder cannot be used, another process uses it, or a channel is wrong.
        """
        self._wanted, self._warn = wanted, warn
        self._recorder: EvidenceRecorder | None = None
        self._notifier: Notifier | None = None
        self._unreadable = 0
        self._asked = self._ask(rules)
        self._open(self._asked)

    def use(self, rules: Rules) -> None:
        """Do what other rules ask for; where that differs, end and begin again, in bounded time.

        Raises:
            ValueError: As at the beginning; then all is as before.
        """
        asked = self._ask(rules)
        if asked == self._asked:
            return
        self.close()
        try:
            self._open(asked)
        except ValueError:
            self._open(self._asked)
            raise
        self._asked = asked

    def take_image(self, camera: str, message: Any) -> None:
        """Leave an `Image` or `CompressedImage`."""
        rate = self._asked.options.rate
        if self._limits[camera].due(stamp_of(message.header.stamp), rate):
            job = partial(self._use_image, camera, message)
            self._jobs.put(f'images {camera}', job, MOST_IMAGES)

    def take_detections(self, topic: str, message: Any) -> None:
        """Leave an `ActionDetectionArray` of a topic."""
        if message.camera in self._wanted.images:
            job = partial(self._use_detections, topic, message)
            self._jobs.put('detections', job, MOST_DETECTIONS)

    def attach(self, alarm: Alarm) -> Alarm:
        """Return a step of an alarm with the names of its files, which come later."""
        if self._recorder is None or alarm.camera not in self._wanted.images:
            return alarm
        return self._recorder.attach(alarm)

    def take(self, alarm: Alarm) -> None:
        """Leave a step of an alarm for those who are notified."""
        if self._notifier is not None:
            self._jobs.put('alarms', partial(self._notifier.take, alarm))

    def close(self) -> None:
        """Complete clips and send what can be sent, in about 10 s at most."""
        self._jobs.close(JOBS_TIME)
        if self._jobs.lost['alarms']:
            self._warn(
                'notify', f'{self._jobs.lost["alarms"]} steps of alarms were not kept in time'
            )
        if self._recorder is not None:
            self._recorder.close(EVIDENCE_TIME)
        if self._notifier is not None:
            self._notifier.close(NOTIFY_TIME)

    def counts(self) -> dict[str, object]:
        """Return what became of evidence and notifications, by what to call it."""
        values: dict[str, object] = {}
        if self._recorder is not None:
            counts = vars(self._recorder.counts())
            lost = sum(self._jobs.lost[f'images {camera}'] for camera in self._wanted.images)
            counts['frames_lost'] += lost
            counts['messages_lost'] += self._jobs.lost['detections']
            counts['frames_unreadable'] = self._unreadable
            for name, value in counts.items():
                values[f'evidence {name.replace("_", " ")}'] = value
        if self._notifier is not None:
            self._jobs.put('counts', self._count_letters, most=1)  # it may wait for the disk
            for name, channel in self._letters.channels.items():
                for key, value in vars(channel).items():
                    values[f'notify {name} {key}'] = value
                values[f'notify {name} waiting'] = self._letters.waiting.get(name, 0)
            values['notify dropped'] = self._letters.dropped
            values['notify unsaved'] = self._letters.unsaved
        return values

    def fault(self) -> str:
        """Say what does not work now; empty if nothing is wrong."""
        for name, channel in self._letters.channels.items():
            if channel.fault:
                return f'channel {name} fails and is tried again: {channel.fault}'
        return ''

    def _ask(self, rules: Rules) -> _Rules:
        options = replace(evidence_options(rules), image_topics=self._wanted.images)
        wanted = self._wanted.notify
        return _Rules(options, channels(rules) if wanted else [], routes(rules) if wanted else {})

    def _open(self, asked: _Rules) -> None:
        wanted = self._wanted
        self._letters = NotifyCounts()
        self._limits = {camera: RateLimit() for camera in wanted.images}
        self._newest: dict[str, np.ndarray] = {}  # image of each camera; of the thread alone
        with ExitStack() as stack:
            if wanted.images:
                warn = partial(self._warn, 'evidence')
                self._recorder = EvidenceRecorder(wanted.folder, asked.options, warn)
                stack.callback(self._recorder.close, 0.0)
            if wanted.notify:
                outbox = Path(wanted.folder) / OUTBOX
                warn = partial(self._warn, 'notify')
                self._notifier = Notifier(
                    asked.channels, asked.routes, outbox, wanted.folder, on_fault=warn
                )
            stack.pop_all()
        self._jobs = JobThread('outcomes', partial(self._warn, 'outcomes'))

    def _use_image(self, camera: str, message: Any) -> None:
        try:
            frame = image_to_frame(message, camera)
        except FrameError as error:
            self._unreadable += 1
            self._warn(f'image {camera}', f'an image of camera "{camera}" is skipped: {error}')
            return
        self._newest[camera] = frame.image
        data = bytes(message.data) if hasattr(message, 'format') else b''
        assert self._recorder is not None
        self._recorder.add_frame(frame, data if data.startswith(JPEG_START) else None)

    def _use_detections(self, topic: str, message: Any) -> None:
        assert self._recorder is not None
        camera, stamp = message.camera, stamp_of(message.header.stamp)
        definition = message_definition(DETECTIONS_TYPE)
        self._recorder.add_message(
            SerializedMessage(
                camera, topic, DETECTIONS_TYPE, definition, stamp, serialize_message(message)
            )
        )
        if camera in self._newest:
            self._recorder.add_rows(camera, stamp, message_rows(message, self._newest[camera]))

    def _count_letters(self) -> None:
        assert self._notifier is not None
        self._letters = self._notifier.counts()
