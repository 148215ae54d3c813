"""Run the pipeline in one thread, from the images in the mailbox to its results."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from actloc_ros.frames import Frame, seconds
from actloc_ros.instances import InstanceOptions
from actloc_ros.io.conversions import FrameError, image_to_frame
from actloc_ros.mailbox import Mailbox
from actloc_ros.pipeline import FrameResult, Pipeline
from actloc_ros.rate_limit import RateLimit
from actloc_ros.ros.localizer_node.camera_input import ReceivedImage
from actloc_ros.tracks import TrackOptions

FULL_PERIOD = 0.005  # s between two checks of whether more frames may be taken
FAILURES = 3  # steps in a row that may fail, until the model is taken to be broken


@dataclass
class Counters:
    """What became of one camera's frames since activation.

    Attributes:
        processed: Frames that gave a result.
        limited: Frames left out for `max_rate`.
        late: Frames left out since they came after newer ones.
        broken: Frames that could not be used, by kind of fault.
        fault: What was last wrong.
        fault_time: When that was, by `time.monotonic`, in s.
    """

    processed: int = 0
    limited: int = 0
    late: int = 0
    broken: dict[str, int] = field(default_factory=dict)
    fault: str = ''
    fault_time: float = -inf


@dataclass(frozen=True)
class DecodedImage:
    """A received message with the frame in it.

    Attributes:
        received: The message.
        frame: The frame.
        taken: When the worker took the message, by `time.perf_counter`, in s.
        decode: Time in s from message to frame.
    """

    received: ReceivedImage
    frame: Frame
    taken: float
    decode: float


class Outbox(Protocol):
    """Takes results, and gives them on when they need not wait any more."""

    def put(self, step: FrameResult, image: DecodedImage | None) -> None:
        """Take a result with the image behind it; None where it only ends what was open."""

    def release(self) -> float:
        """Give on what need not wait any more; return the time in s to the next call."""
        ...

    def flush(self) -> None:
        """Give everything on without waiting."""

    @property
    def full(self) -> bool:
        """Whether no more frames should be taken."""
        ...


class Worker:
    """The one thread in which everything after the callbacks happens.

    Attributes:
        counters: By camera.
        failure: What ended the thread, if not `stop`.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        mailbox: Mailbox[ReceivedImage],
        cameras: Iterable[str],
        outbox: Outbox,
        warn: Callable[[str, str], None],
        failed: Callable[[], None],
        now: Callable[[], int],
        patience: float,
        max_lateness: float,
    ) -> None:
        """Prepare a worker; `start` starts it.

        Args:
            pipeline: Used by this thread alone from `start` to `stop`.
            mailbox: Where callbacks leave messages.
            cameras: All cameras' names.
            outbox: Takes each result, in this thread.
            warn: Takes each fault's kind and text, in this thread.
            failed: Called in this thread when an exception has ended it.
            now: Returns the node's time in ns.
            patience: Time in s without frames after which what is open in a camera is ended.
            max_lateness: Time in s from which a frame before the last is no late one.
        """
        self.counters = {camera: Counters() for camera in cameras}
        self.failure: BaseException | None = None
        self._pipeline = pipeline
        self._mailbox = mailbox
        self._outbox = outbox
        self._warn = warn
        self._failed = failed
        self._now, self._patience = now, patience
        self._commands: list[Callable[[], None]] = []
        self._command_lock = threading.Lock()
        self._stopping = threading.Event()
        self._max_lateness = max_lateness
        self._limits = {camera: RateLimit(max_lateness) for camera in self.counters}
        self._failures = 0
        self._last_stamps: dict[str, int] = {}
        self._last_arrivals: dict[str, int] = {}
        self._max_rate = 0.0
        self._thread = threading.Thread(target=self._run, name='localize', daemon=True)

    def start(self) -> None:
        """Start to take frames."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """End what is open, report that, and end the thread; return whether it ended in time."""
        self._stopping.set()
        self._mailbox.wake()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def configure(self, tracks: TrackOptions, instances: InstanceOptions, max_rate: float) -> None:
        """Use other options from the next frame on."""

        def command() -> None:
            self._pipeline.configure(tracks, instances)
            self._max_rate = max_rate

        self._submit(command)

    def reset(self, at_once: bool = False) -> None:
        """Forget the past; what is open is ended and reported before anything new starts.

        With `at_once`, no result waits for what places its actors any more.
        """

        def command() -> None:
            self._end(self._last_stamps)
            if at_once:
                self._outbox.flush()

        self._submit(command)

    def jump(self, before: int, after: int) -> None:
        """Forget the past of cameras whose last frame is from before the clock jumped back.

        Frames of the new time may have come first: then the pipeline has noticed the jump by their
        stamps, and what has started since stays.
        """
        middle = (before + after) // 2
        self._submit(lambda: self._end([c for c, s in self._last_stamps.items() if s > middle]))

    def _submit(self, command: Callable[[], None]) -> None:
        with self._command_lock:
            self._commands.append(command)
        self._mailbox.wake()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                pause = self._outbox.release()
                if self._outbox.full:
                    time.sleep(FULL_PERIOD)
                    continue
                received = self._mailbox.take(pause)
                self._run_commands()
                if received and not self._stopping.is_set():
                    self._process(received)
                self._end(self._silent())
            self._end(self._last_stamps)
            self._outbox.flush()
        except Exception as error:
            self.failure = error
            with contextlib.suppress(Exception):  # the first error is the one to report
                self._end(self._last_stamps)
                self._outbox.flush()
            self._failed()

    def _silent(self) -> list[str]:
        """Return the cameras that have stopped sending: what is open in them must not stay open."""
        now = self._now()
        return [
            camera
            for camera, arrival in self._last_arrivals.items()
            if camera in self._last_stamps
            and arrival  # 0 is simulated time that has not begun
            and seconds(now - arrival) > self._patience
        ]

    def _run_commands(self) -> None:
        with self._command_lock:
            commands, self._commands = self._commands, []
        for command in commands:
            command()

    def _end(self, cameras: Iterable[str]) -> None:
        for camera in list(cameras):
            for step in self._pipeline.reset(camera):
                self._outbox.put(step, None)
            self._last_stamps.pop(camera, None)
            self._limits[camera] = RateLimit(self._max_lateness)

    def _process(self, batch: list[ReceivedImage]) -> None:
        taken = time.perf_counter()
        decoded = {
            received.camera: image
            for received in batch
            if self._due(received) and (image := self._decode(received, taken))
        }
        for step in self._step(decoded):
            if step.restart:
                self._outbox.put(step, None)
                continue
            image = decoded.pop(step.camera)
            self._last_stamps[step.camera] = step.stamp
            self._last_arrivals[step.camera] = self._now()
            self.counters[step.camera].processed += 1
            self._outbox.put(step, image)
        for image in decoded.values():
            self._note_dropped(image.received)

    def _step(self, decoded: dict[str, DecodedImage]) -> list[FrameResult]:
        """Return what the pipeline finds; where it fails, count and take out the images.

        What one image causes does not stop the worker; a model that fails again and again does.
        """
        if not decoded:
            return []
        try:
            steps = self._pipeline.step([image.frame for image in decoded.values()])
        except Exception as error:
            self._failures += 1
            if self._failures >= FAILURES:
                raise
            text = f'{type(error).__name__}: {error}'
            for camera in decoded:
                self._fault(camera, 'model failed', text)
            self._end(decoded)  # what the model keeps of the past may be half made
            decoded.clear()
            return []
        self._failures = 0
        return steps

    def _note_dropped(self, received: ReceivedImage) -> None:
        """Count a frame that the pipeline dropped for its stamp."""
        camera, stamp = received.camera, received.stamp
        if stamp == 0:
            text = 'the stamp of its header is zero; the driver must say when the image was taken'
            self._fault(camera, 'zero stamp', text)
        elif stamp == self._last_stamps.get(camera, stamp):
            text = f'its stamp ({stamp} ns) is that of the frame before'
            self._fault(camera, 'repeated stamp', text)
        else:
            self.counters[camera].late += 1
            late = seconds(self._last_stamps[camera] - stamp)
            self._warn(
                f'{camera} late',
                f'a frame of {_name(camera)} is left out: it is {late:.3f} s before the last',
            )

    def _due(self, received: ReceivedImage) -> bool:
        due = self._limits[received.camera].due(received.stamp, self._max_rate)
        self.counters[received.camera].limited += not due
        return due

    def _decode(self, received: ReceivedImage, taken: float) -> DecodedImage | None:
        began = time.perf_counter()
        try:
            frame = image_to_frame(received.message, received.camera)
        except FrameError as error:
            self._fault(received.camera, error.kind, str(error))
            return None
        except Exception as error:  # whatever else one message causes
            name = type(error).__name__
            self._fault(received.camera, name, f'{name}: {error}')
            return None
        return DecodedImage(received, frame, taken, time.perf_counter() - began)

    def _fault(self, camera: str, kind: str, text: str) -> None:
        """Count a frame that cannot be used, and say why."""
        counters = self.counters[camera]
        counters.broken[kind] = counters.broken.get(kind, 0) + 1
        counters.fault, counters.fault_time = text, time.monotonic()
        self._warn(f'{camera} {kind}', f'a frame of {_name(camera)} is skipped: {text}')


def _name(camera: str) -> str:
    return f'camera "{camera}"' if camera else 'the camera'
