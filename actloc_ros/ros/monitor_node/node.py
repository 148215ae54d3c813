"""Run the node `action_monitor`, which applies a rules file to the detections of localizers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from actloc_ros.alarms.alarm import Alarm, AlarmSink
from actloc_ros.msg import ActionDetectionArray, LabelInfo
from actloc_ros.ros.common.signals import stop_event
from actloc_ros.ros.common.subscription import MatchedSubscription
from actloc_ros.ros.common.throttled_log import ThrottledLogger
from actloc_ros.ros.monitor_node.boxes import BoxesTopics
from actloc_ros.ros.monitor_node.diagnostics import MonitorHealth, monitor_status
from actloc_ros.ros.monitor_node.images import ImageTopics
from actloc_ros.ros.monitor_node.outcomes import Outcomes, Wanted
from actloc_ros.ros.monitor_node.publisher import AlarmPublisher
from actloc_ros.ros.monitor_node.topics import topics_by_camera
from actloc_ros.rules.engine import RuleEngine
from actloc_ros.rules.file.names import World, world_faults
from actloc_ros.rules.file.rules_file import RulesError, RulesFile, read_rules
from actloc_ros.rules.scene import scene_of

DETECTIONS, LABELS = 'detections', 'label_info'
QUEUE = 100  # key frames that may wait: none is to be lost where a rule counts time
PERIOD = 1.0  # s between diagnostics
SPIN_TIME = 0.2  # s after which a signal is noticed
ERROR = 2


class ActionMonitor(Node):
    """Thin: it passes detections on to the rules, and alarms on to sinks.

    Topics: those of the parameter `detections` in, and beside each `label_info`; `~/alarms` and
    `/diagnostics` out. The service `~/reload` reads the rules file again, and ends what is open
    first; where the file is wrong, the old rules stay. Clips, snapshots and notifications are
    those of `Outcomes`.
    """

    def __init__(self, sinks: Sequence[AlarmSink] = (), **options: Any) -> None:
        """Read the rules and subscribe.

        Args:
            sinks: What takes alarms beside the topic.
            options: Those of `rclpy.node.Node`.

        Raises:
            ValueError: A parameter or the rules file is wrong, or the folder of evidence cannot be
                used.
            OSError: The rules file cannot be read.
        """
        super().__init__('action_monitor', **options)
        self._path = self._declare('rules', '', 'The rules file, see doc/rules.md.')
        if not self._path:
            raise ValueError('the parameter rules is empty; name a rules file')
        topics = self._declare(
            'detections',
            ['action_localizer/detections'],
            'Topics of ActionDetectionArray; label_info is taken from beside each.',
        )
        boxes = self._declare(
            'boxes',
            [''],
            'Topics of vision_msgs/Detection2DArray with vehicles: TOPIC, or CAMERA=TOPIC.',
        )
        images = self._declare(
            'images',
            [''],
            'Topics of images for the evidence: TOPIC, or CAMERA=TOPIC; one that ends in '
            '/compressed has CompressedImage.',
        )
        folder = self._declare(
            'evidence', '', 'Folder of clips and snapshots of alarms, and the outbox; empty: none.'
        )
        notify = self._declare('notify', False, 'Whether to notify on the channels of the rules.')
        named = topics_by_camera('images', images)
        wanted = {camera: self.resolve_topic_name(topic) for camera, topic in named.items()}
        self._file = read_rules(self._path)
        self._engine = RuleEngine(self._file.rules)
        self._warn = ThrottledLogger(self.get_logger())
        self._labels: dict[str, tuple[str, ...]] = {}
        self._received: dict[str, int] = dict.fromkeys(topics, 0)
        self._cameras: set[str] = set()
        self._fault = ''
        self._publisher = AlarmPublisher(self)
        self._outcomes = Outcomes(self._file.rules, Wanted(folder, wanted, notify), self._warn)
        self._sinks: list[AlarmSink] = [self._publisher, self._outcomes, *sinks]
        self._subscribe(topics)
        self._boxes = BoxesTopics(self, boxes)
        self._images = ImageTopics(self, wanted, self._outcomes.take_image)
        self.create_service(Trigger, '~/reload', self._on_reload)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.create_timer(PERIOD, self._diagnose, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def quit(self) -> None:
        """End what is open, pass that on, and close the sinks."""
        self._give(self._engine.end_all())
        for sink in self._sinks:
            sink.close()

    def _declare(self, name: str, default: Any, description: str) -> Any:
        descriptor = ParameterDescriptor(description=description, read_only=True)
        return self.declare_parameter(name, default, descriptor).value

    def _subscribe(self, topics: Sequence[str]) -> None:
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        for topic in topics:
            MatchedSubscription(
                self, ActionDetectionArray, topic, partial(self._take, topic), depth=QUEUE
            )
            beside = f'{topic.removesuffix(DETECTIONS)}{LABELS}'
            self.create_subscription(LabelInfo, beside, partial(self._take_labels, topic), latched)

    def _take(self, topic: str, message: ActionDetectionArray) -> None:
        self._received[topic] += 1
        self._cameras.add(message.camera)
        self._publisher.frame_ids[message.camera] = message.header.frame_id
        self._outcomes.take_detections(self.resolve_topic_name(topic), message)
        scene = scene_of(message)
        more = self._boxes.actors(scene.camera, scene.stamp)
        self._give(self._engine.step(scene.with_actors(more)))

    def _take_labels(self, topic: str, message: LabelInfo) -> None:
        self._labels[topic] = tuple(message.labels)
        self._check(self._file)

    def _check(self, file: RulesFile) -> None:
        """Note which labels of the rules no localizer has, once all have said theirs."""
        self._fault = ''
        if self._labels.keys() < self._received.keys():
            return
        labels = tuple(label for known in self._labels.values() for label in known)
        try:
            file.refuse(world_faults(file.rules, World(labels=labels)))
        except RulesError as error:
            self._fault = str(error)
            self._warn('labels', self._fault)

    def _give(self, alarms: Sequence[Alarm]) -> None:
        for alarm in alarms:
            named = self._outcomes.attach(alarm)
            for sink in self._sinks:
                sink.take(named)

    def _on_reload(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            file = read_rules(self._path)
            self._give(self._engine.end_all())
            self._outcomes.use(file.rules)
        except (ValueError, OSError) as error:
            response.success, response.message = False, str(error)
            return response
        self._file, self._engine = file, RuleEngine(file.rules)
        self._check(file)
        response.success = not self._fault
        response.message = self._fault or f'{len(file.rules.enabled)} rules are in use'
        return response

    def _diagnose(self) -> None:
        areas = [*self._file.rules.zones.values(), *self._file.rules.lines.values()]
        named = {area.camera for area in areas if area.camera}
        health = MonitorHealth(
            rules=str(self._path),
            enabled=len(self._file.rules.enabled),
            fault=self._fault,
            received=self._received,
            cameras=sorted(self._cameras),
            missing=sorted(named - self._cameras),
            open=self._engine.open_count,
            issued=self._engine.issued,
            suppressed=self._engine.suppressed,
            dropped=sum(self._engine.dropped.values()),
            restarts=sum(self._engine.restarts.values()),
            elsewhere=self._engine.poses_elsewhere,
            images=self._images.received,
            outcomes=self._outcomes.counts(),
            outcomes_fault=self._outcomes.fault(),
        )
        message = DiagnosticArray(status=[monitor_status(self.get_name(), health)])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def main(args: list[str] | None = None) -> int:
    """Run the node until a signal ends it; return the process's exit code."""
    stop = stop_event()
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = ActionMonitor()
        try:
            while not stop.is_set():
                rclpy.spin_once(node, timeout_sec=SPIN_TIME)
        finally:
            node.quit()
    except (ValueError, OSError, InvalidParameterTypeException) as error:
        print(f'action_monitor: error: {error}', file=sys.stderr)
        return ERROR
    finally:
        rclpy.try_shutdown()
    return 0
