"""Hold what runs while the node is active: from inputs through the worker to sinks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock

from actloc_ros.frames import nanoseconds, seconds
from actloc_ros.localizer import Localizer
from actloc_ros.mailbox import Mailbox
from actloc_ros.pipeline import Pipeline
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.common.throttled_log import ThrottledLogger
from actloc_ros.ros.common.transforms import PoseTransformer
from actloc_ros.ros.localizer_node.boxes_input import BoxesInput
from actloc_ros.ros.localizer_node.camera_input import CameraInput, ReceivedImage
from actloc_ros.ros.localizer_node.depth_input import DepthInput
from actloc_ros.ros.localizer_node.diagnostics import camera_status
from actloc_ros.ros.localizer_node.joints_input import JointsInput
from actloc_ros.ros.localizer_node.outbox import Outbox, PlacedResult, PlacementOptions
from actloc_ros.ros.localizer_node.publishers import MarkerSink, RosSink
from actloc_ros.ros.localizer_node.sound_input import SoundInput
from actloc_ros.ros.localizer_node.timing import LatencyBreakdown, LatencyWindow
from actloc_ros.ros.localizer_node.worker import DecodedImage, Worker
from actloc_ros.settings import Settings
from actloc_ros.sinks import EventSink, Report, make_report


@dataclass
class NodeInterfaces:
    """What outlives a session: the node's ways in and out.

    Attributes:
        clock: The node's.
        inputs: One for each camera.
        depths: By camera; empty without depth.
        transformer: Moves poses into the target frame; None leaves them in the camera's.
        outputs: Publishes detections, events and labels.
        markers: Publishes markers.
        warn: Takes a kind and a text.
        boxes: The people that another node finds; None where the model needs none.
        joints: Likewise their joints.
        sound: What is heard; None where the model does not hear.
    """

    clock: Clock
    inputs: Sequence[CameraInput]
    depths: dict[str, DepthInput]
    transformer: PoseTransformer | None
    outputs: RosSink
    markers: MarkerSink
    warn: ThrottledLogger
    boxes: BoxesInput | None = None
    joints: JointsInput | None = None
    sound: SoundInput | None = None


class Session:
    """One activation: its pipeline, mailbox, worker and figures.

    Attributes:
        enabled: Whether frames are processed.
    """

    def __init__(
        self,
        interfaces: NodeInterfaces,
        settings: Settings,
        localizer: Localizer,
        failed: Callable[[], None],
    ) -> None:
        """Prepare a session; `failed` is called in the worker's thread when it breaks down.

        Raises:
            ValueError: Settings do not fit the localizer's labels.
        """
        self.enabled = False
        self._interfaces, self._settings, self._localizer = interfaces, settings, localizer
        cameras = [camera.camera for camera in interfaces.inputs]
        self._pipeline = Pipeline(
            localizer,
            settings.tracks,
            settings.instances,
            settings.localizer.restart_gap,
            settings.max_lateness,
        )
        self._mailbox: Mailbox[ReceivedImage] = Mailbox(
            cameras, settings.process_all, nanoseconds(settings.max_lateness)
        )
        self._outbox = Outbox(
            interfaces.depths,
            interfaces.transformer,
            _placement(settings),
            dropped=self._dropped,
            publish=self._publish,
            warn=interfaces.warn,
        )
        self._worker = Worker(
            self._pipeline,
            self._mailbox,
            cameras,
            self._outbox,
            interfaces.warn,
            failed,
            now=lambda: interfaces.clock.now().nanoseconds,
            # A replay goes by stamps alone, so that it repeats.
            patience=inf if settings.process_all else settings.localizer.restart_gap,
            max_lateness=settings.max_lateness,
        )
        self._timings = {camera: LatencyWindow() for camera in cameras}

    @property
    def failure(self) -> BaseException | None:
        """Return what broke the worker down, if anything did."""
        return self._worker.failure

    @property
    def waiting(self) -> int:
        """Return how many frames wait for the worker."""
        return len(self._mailbox)

    def start(self) -> None:
        """Latch the labels and process frames from now on."""
        self._interfaces.outputs.publish_labels(
            stamp=self._interfaces.clock.now().nanoseconds,
            model=self._localizer.name,
            labels=self._localizer.labels,
            threshold=self._localizer.threshold,
            joint_names=self._localizer.joint_names,
        )
        self.configure(self._settings)
        for camera in self._interfaces.inputs:
            camera.restart()
        self._worker.start()
        self.enable(True)

    def stop(self, timeout: float) -> bool:
        """End what is open and report that; return whether that was done in time."""
        self._close_inputs()
        if not self._worker.stop(timeout):
            return False
        for depth in self._interfaces.depths.values():
            depth.clear()
        left = self._mailbox.clear()
        if left and self._settings.process_all:
            self._interfaces.warn('left', f'{left} frames came and were not processed')
        return True

    def enable(self, enabled: bool) -> None:
        """Process frames, or end what is open and discard frames."""
        if enabled == self.enabled:
            return
        self.enabled = enabled
        if enabled:
            for camera in self._interfaces.inputs:
                camera.open(self._store)
            for depth in self._interfaces.depths.values():
                depth.open()
        else:
            self._close_inputs()
            self._mailbox.clear()
            self._worker.reset(at_once=True)

    def configure(self, settings: Settings) -> None:
        """Use other settings from the next frame on."""
        self._settings = settings
        rate = 0.0 if settings.process_all else settings.max_rate
        self._outbox.options = _placement(settings)
        self._worker.configure(settings.tracks, settings.instances, rate)

    def reset(self) -> None:
        """Forget the past of all cameras; what is open is ended first."""
        self._worker.reset()

    def jump(self, before: int, after: int) -> None:
        """Take note that the clock went back, from one time in ns to another."""
        if self._interfaces.transformer is not None:
            self._interfaces.transformer.clear()
        if not self._settings.process_all:  # there, frames wait, and their stamps show the jump
            self._worker.jump(before, after)

    def statuses(self, name: str) -> list[DiagnosticStatus]:
        """Return the status of each camera of the node called `name`."""
        return [
            camera_status(
                name,
                camera,
                self._worker.counters[camera.camera],
                self._facts(camera.camera),
                self._timings[camera.camera],
                self._fault(camera.camera),
            )
            for camera in self._interfaces.inputs
        ]

    def _facts(self, camera: str) -> dict[str, object]:
        """Return figures of a camera that others than its input and the worker count."""
        depth, boxes = self._interfaces.depths.get(camera), self._interfaces.boxes
        joints = self._interfaces.joints
        sound = self._sound_of(camera)
        counters = self._worker.counters[camera]
        return {
            'frames dropped': self._dropped(camera),
            'frames late': counters.late + self._mailbox.late[camera],
            'restarts': self._pipeline.restarts.get(camera, 0),
            **(depth.values() if depth else {}),
            **(boxes.values(camera) if boxes else {}),
            **(joints.values(camera) if joints else {}),
            **(sound.values() if sound else {}),
        }

    def _fault(self, camera: str) -> str:
        """Return what is wrong with the messages that accompany a camera's images, if anything."""
        depth, boxes = self._interfaces.depths.get(camera), self._interfaces.boxes
        joints = self._interfaces.joints
        sound = self._sound_of(camera)
        faults = (
            depth.counters.fault() if depth else '',
            boxes.fault(camera) if boxes else '',
            joints.fault(camera) if joints else '',
            sound.fault() if sound else '',
        )
        return next(filter(None, faults), '')

    def _sound_of(self, camera: str) -> SoundInput | None:
        sound = self._interfaces.sound
        return sound if sound is not None and sound.camera == camera else None

    def _close_inputs(self) -> None:
        for camera in self._interfaces.inputs:
            camera.close()
        for depth in self._interfaces.depths.values():
            depth.close()

    def _store(self, received: ReceivedImage) -> None:
        self._mailbox.put(received.camera, received.stamp, received)

    def _dropped(self, camera: str) -> int:
        counters = self._worker.counters[camera]
        broken = sum(counters.broken.values())
        late = counters.late + self._mailbox.late[camera]
        return self._mailbox.untaken[camera] + counters.limited + broken + late

    def _publish(self, result: PlacedResult) -> None:
        """Hand a result to all sinks; in the worker's thread."""
        placed = time.perf_counter()
        report = self._make_report(result)
        for sink in self._sinks():
            sink.write(report)
        if result.image is not None:
            self._measure(result, result.image, placed, time.perf_counter())

    def _make_report(self, result: PlacedResult) -> Report:
        step = result.step
        latency = self._interfaces.clock.now().nanoseconds - step.stamp
        measured = not self._settings.process_all and not step.restart
        return make_report(
            step,
            ros_type,
            model=self._localizer.name,
            labels=self._localizer.labels,
            frame=result.image.frame if result.image else None,
            camera_poses=result.camera_poses,
            joint_names=self._localizer.joint_names,
            poses=result.poses,
            dropped=result.dropped,
            inference_time=nanoseconds(step.timing.infer) if measured else 0,
            latency=latency if measured else 0,
        )

    def _sinks(self) -> list[EventSink]:
        sinks: list[EventSink] = [self._interfaces.outputs]
        return [*sinks, self._interfaces.markers] if self._settings.publish_markers else sinks

    def _measure(
        self, result: PlacedResult, image: DecodedImage, placed: float, published: float
    ) -> None:
        received, timing = image.received, result.step.timing
        now = self._interfaces.clock.now().nanoseconds
        parts = {
            'wait': image.taken - received.arrival,
            'decode': image.decode,
            'preprocess': timing.preprocess,
            'link': timing.link,
            'place': placed - result.released,
            'publish': published - placed,
        }
        split = LatencyBreakdown(
            transport=seconds(received.clock - received.stamp),
            infer=timing.infer - timing.preprocess,
            hold=result.released - result.made,
            own=sum(parts.values()),
            latency=seconds(now - received.stamp),
            **parts,
        )
        self._timings[received.camera].add(split)


def _placement(settings: Settings) -> PlacementOptions:
    return PlacementOptions(
        tolerance=settings.depth_tolerance,
        depth_patience=settings.depth_patience,
        target_frame=settings.target_frame,
        transform_patience=settings.transform_patience,
        lossless=settings.process_all,
    )
