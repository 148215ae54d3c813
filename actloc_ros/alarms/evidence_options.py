"""Define what evidence is kept of alarms, and what it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from actloc_ros.alarms.alarm import Alarm

MEGABYTE = 1_000_000
DAY = 86_400.0  # s


@dataclass(frozen=True)
class Capture:
    """What evidence an alarm of a rule gets.

    Attributes:
        pre_capture: A clip begins so many s before the alarm's start, as far as frames are kept.
        post_capture: It goes on for at least so many s after the alarm's end.
        max_length: It is never longer, in s.
        clip: Whether there are clips and a bag.
        snapshot: Whether there is a snapshot.
    """

    pre_capture: float = 5.0
    post_capture: float = 5.0
    max_length: float = 120.0
    clip: bool = True
    snapshot: bool = True


@dataclass(frozen=True)
class DiskBudget:
    """How much disk evidence may take; the oldest alarms' files go first.

    Attributes:
        max_bytes: Of all evidence together.
        max_days: Older evidence goes, by when it was written.
        min_free: Bytes of the disk that stay free for others, whoever fills it.
    """

    max_bytes: int = 10_000 * MEGABYTE
    max_days: float = 10.0
    min_free: int = 1_000 * MEGABYTE


@dataclass(frozen=True)
class EvidenceOptions:
    """What an `EvidenceRecorder` does.

    Attributes:
        captures: By the rule's name; others get `default`.
        default: For rules that `captures` does not name.
        budget: Of the disk.
        rate: Frames a second that are kept at most, by stamps; 0: all.
        history: For how many s frames and messages are kept before an alarm. It must hold a rule's
            `pre_capture`, and what it waits for (`dwell`, `within`, `min_duration`) before it
            gives an alarm, for the clip to begin where it should.
        memory: Bytes of frames as JPEG, and again of messages, that are kept of one camera.
        max_clips: Clips that are written at a time; further alarms get a snapshot alone.
        image_topics: Of each camera, for the bag; `/NAME/image` without.
        lossless: Wait where the disk is slower than the frames come: for recordings.
    """

    captures: Mapping[str, Capture] = field(default_factory=dict)
    default: Capture = Capture()
    budget: DiskBudget = DiskBudget()
    rate: float = 10.0
    history: float = 30.0
    memory: int = 100 * MEGABYTE
    max_clips: int = 4
    image_topics: Mapping[str, str] = field(default_factory=dict)
    lossless: bool = False

    def capture(self, alarm: Alarm) -> Capture:
        """Return what evidence an alarm gets."""
        return self.captures.get(alarm.rule, self.default)


@dataclass
class EvidenceCounts:
    """What became of the evidence so far.

    Attributes:
        clips: Written whole, with and without boxes and the bag.
        snapshots: Written.
        clips_failed: Clips that could not be written.
        snapshots_failed: Snapshots that could not be written, or of which no frame was there.
        refused: Alarms without a clip, since `max_clips` were being written or the disk is full.
        steps_lost: Steps of alarms that came faster than they could be taken.
        frames_lost: Frames that came faster than they could be encoded.
        messages_lost: Messages that came faster than they could be taken.
        gaps: Times at which a clip lacks frames, as they were no longer kept when it was written.
        removed: Alarms whose files had to go.
        fault: Why the newest failure came about.
    """

    clips: int = 0
    snapshots: int = 0
    clips_failed: int = 0
    snapshots_failed: int = 0
    refused: int = 0
    steps_lost: int = 0
    frames_lost: int = 0
    messages_lost: int = 0
    gaps: int = 0
    removed: int = 0
    fault: str = ''
