"""Run the lifecycle node `planner_bridge`: detections in, what stock planners read out."""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from actloc_ros.messages import stamp_of
from actloc_ros.msg import ActionDetectionArray
from actloc_ros.planners.encounters import encounters
from actloc_ros.planners.motion import movers
from actloc_ros.planners.people import PeopleMemory
from actloc_ros.planners.settings import SPECS, planner_settings
from actloc_ros.ros.common import node_parameters
from actloc_ros.ros.common.signals import stop_event
from actloc_ros.ros.common.throttled_log import ThrottledLogger
from actloc_ros.ros.planner_node.diagnostics import bridge_status
from actloc_ros.ros.planner_node.inputs import LocalizerInput
from actloc_ros.ros.planner_node.outputs import Incoming, NodeContext, Output, Scene
from actloc_ros.ros.planner_node.placing import Placer

SPIN_TIME = 0.1  # s after which a signal is noticed
FLUSH_TIME = 0.3  # s that the last messages have to be sent
DIAGNOSTICS_PERIOD = 1.0  # s

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE

OUTPUT_CLASSES = {
    'nav2.cloud': 'cloud:CloudOutput',
    'nav2.polygons': 'polygons:PolygonOutput',
    'nav2.speed_limit': 'speed_limit:SpeedLimitOutput',
    'nav2.follow': 'follow:FollowOutput',
    'moveit.objects': 'collision_objects:CollisionObjectOutput',
    'moveit.handover': 'handover:HandoverOutput',
    'hri.bodies': 'humans:BodyOutput',
    'hri.cropped': 'body_crops:BodyCropOutput',
    'hri.tf': 'body_frames:BodyFrameOutput',
    'hri.intents': 'intents:IntentOutput',
    'vision.detections': 'vision:VisionOutput',
    'people.people': 'people:PeopleOutput',
    'foxglove.drawings': 'drawings:DrawingOutput',
}
"""The module in this folder and the class that publish what a parameter switches on."""


class PlannerBridge(LifecycleNode):
    """Configure subscribes and advertises, activate starts the cycle, deactivate takes all back.

    Attributes:
        settings: The parameters.
        active: Whether the cycle runs.
        fault: Why it cannot be configured; empty if it can.
    """

    def __init__(self, **options: Any) -> None:
        """Declare parameters; `options` are those of `rclpy.node.Node`.

        Raises:
            InvalidParameterTypeException: A parameter of a wrong type.
            InvalidParameterValueException: A parameter out of its range.
            ValueError: A parameter that is wrong in another way.
        """
        super().__init__('planner_bridge', **options)
        node_parameters.declare(self, SPECS)
        self.settings = planner_settings(node_parameters.values(self, SPECS))
        self.active = False
        self.fault = ''
        self._warn = ThrottledLogger(self.get_logger())
        self._inputs: list[LocalizerInput] = []
        self._outputs: dict[str, Output] = {}
        self._placer: Placer | None = None
        names = [] if len(self.settings.localizers) == 1 else list(self.settings.localizers)
        self._memory = PeopleMemory(names or [''], self.settings.stale, self.settings.hold)
        self._scene: Scene | None = None
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # Steady: a stopped clock must not keep the speed limit from being repeated.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1 / self.settings.rate, self._cycle, clock=steady)
        self.create_timer(DIAGNOSTICS_PERIOD, self._diagnose, clock=steady)
        self._jumps = self.get_clock().create_jump_callback(
            JumpThreshold(
                min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True
            ),
            post_callback=self._on_jump,
        )

    def autostart(self) -> bool:
        """Configure and activate the node; say whether it is active then."""
        return self.trigger_configure() == SUCCESS and self.trigger_activate() == SUCCESS

    def quit(self) -> None:
        """Take back what consumers would go on to believe, as the process is to end."""
        self.trigger_deactivate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Advertise, then subscribe; what was made before stays."""
        try:
            self._outputs = self._outputs or self._open_outputs()
        except ValueError as error:
            self.fault = f'cannot be configured: {error}'
            self.get_logger().error(self.fault)
            return FAILURE
        if not self._outputs:
            self._warn('outputs', 'no output is switched on: set e.g. nav2.cloud to true')
        if self._placer is None:
            self._placer = Placer(self, self.settings, self._warn)
            self._inputs = self._subscribe()
        self.fault = ''
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the cycle, knowing nobody."""
        self._memory.reset()
        self.active = True
        topics = ', '.join(each.topic for each in self._inputs)
        self.get_logger().info(f'sending {", ".join(self._outputs) or "nothing"} from {topics}')
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take back what consumers would go on to believe."""
        self._release()
        return super().on_deactivate(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take back what consumers would go on to believe."""
        self._release()
        return super().on_shutdown(state)

    def _release(self) -> None:
        if self.active:
            self.active = False
            for output in self._outputs.values():
                output.release()

    def _open_outputs(self) -> dict[str, Output]:
        """Return the outputs that are switched on.

        Raises:
            ValueError: The messages of one are not installed.
        """
        context = NodeContext(self, self.settings, self._warn)
        return {
            name: _output_class(where)(context)
            for name, where in OUTPUT_CLASSES.items()
            if name in self.settings.outputs
        }

    def _subscribe(self) -> list[LocalizerInput]:
        localizers = self.settings.localizers
        return [
            LocalizerInput(self, name, '' if len(localizers) == 1 else name, self._take)
            for name in localizers
        ]

    def _take(self, source: LocalizerInput, message: ActionDetectionArray) -> None:
        if not self.active or self._placer is None:
            return
        placed = self._placer.place(source.name, message, source.joint_names)
        stamp, now = stamp_of(message.header.stamp), self.get_clock().now().nanoseconds
        used = self._memory.take(
            source.name, message.camera, stamp, placed.people, placed.unplaced, now
        )
        if not used:
            return
        incoming = Incoming(
            localizer=source.name,
            message=message,
            people={person.key.track_id: person for person in placed.people},
            joint_names=source.joint_names,
            labels=source.labels,
        )
        for output in self._outputs.values():
            output.report(incoming)

    def _cycle(self) -> None:
        if not self.active or self._placer is None:
            return
        self._scene = self._look(self._placer, self.get_clock().now().nanoseconds)
        for output in self._outputs.values():
            output.cycle(self._scene)

    def _look(self, placer: Placer, now: int) -> Scene:
        """Return what is known at `now` (ns)."""
        faults, unplaced = self._memory.faults(now), self._memory.unplaced()
        robot = placer.robot()
        if isinstance(robot, str):
            faults = [*faults, robot]
        if faults or isinstance(robot, str):
            self._warn('blind', f'it is not known where people are: {"; ".join(faults)}')
            return Scene(now, self._memory.oldest_stamp() or 0, faults, unplaced)
        settings = self.settings
        moving = movers(self._memory.people(now), now, settings.actions, settings.body)
        met = encounters(moving, robot, settings.meeting)
        stamp = self._memory.oldest_stamp() or 0
        return Scene(now, stamp, (), unplaced, moving, robot, met)

    def _on_jump(self, jump: TimeJump) -> None:
        """Forget the past: ages of what was reported before mean nothing any more."""
        self._memory.reset()
        if self._placer is not None:
            self._placer.clear()
        for output in self._outputs.values():
            output.reset()

    def _diagnose(self) -> None:
        name = self.get_fully_qualified_name().removeprefix('/')
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        message.status = [
            bridge_status(
                name,
                self.fault,
                self.active,
                self._scene,
                self._inputs,
                self._memory,
                self._placer,
            )
        ]
        self._diagnostics.publish(message)


def _output_class(where: str) -> Any:
    module, name = where.split(':')
    return getattr(importlib.import_module(f'actloc_ros.ros.planner_node.{module}'), name)


def main(args: list[str] | None = None) -> int:
    """Run the node until a signal ends it; return the process's exit code."""
    stop = stop_event()
    # rclpy's own handlers would close all publishers before limits are released.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = PlannerBridge()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        if node.settings.autostart and not node.autostart():
            return 1
        while rclpy.ok() and not stop.is_set():
            executor.spin_once(timeout_sec=SPIN_TIME)
        if node.active:
            node.quit()
            time.sleep(FLUSH_TIME)
        executor.shutdown()
        node.destroy_node()
        return 0
    except (InvalidParameterTypeException, InvalidParameterValueException, ValueError) as error:
        print(f'planner_bridge: error: {error}', file=sys.stderr)
        return 2
    finally:
        rclpy.try_shutdown()
