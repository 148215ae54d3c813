"""Run the lifecycle node `action_localizer`: camera topics in, action detections out."""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from rclpy.clock import Clock, ClockType, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger

from actloc_ros.instances import InstanceTracker
from actloc_ros.localizer import Localizer, LocalizerOptions
from actloc_ros.models.open import open_localizer, side_inputs
from actloc_ros.ros.common.lifecycle import Background, PatientLifecycleNode
from actloc_ros.ros.common.throttled_log import ThrottledLogger
from actloc_ros.ros.common.transforms import PoseTransformer
from actloc_ros.ros.localizer_node import parameters
from actloc_ros.ros.localizer_node.bond import end_bond, make_bond
from actloc_ros.ros.localizer_node.boxes_input import BoxesInput
from actloc_ros.ros.localizer_node.camera_input import CameraInput
from actloc_ros.ros.localizer_node.depth_input import DepthInput
from actloc_ros.ros.localizer_node.diagnostics import (
    NodeHealth,
    device_memory,
    free_kept_memory,
    node_status,
)
from actloc_ros.ros.localizer_node.joints_input import JointsInput
from actloc_ros.ros.localizer_node.open_joints import open_joints_input
from actloc_ros.ros.localizer_node.publishers import MarkerSink, RosSink
from actloc_ros.ros.localizer_node.session import NodeInterfaces, Session
from actloc_ros.ros.localizer_node.sound_input import NodeInputs, SoundInput
from actloc_ros.ros.localizer_node.surroundings import Surroundings
from actloc_ros.settings import Settings
from actloc_ros.stamped_buffer import StampHistory

STOP_TIME = 10.0  # s that a step may still take when the node is deactivated
QUIT_TIME = 1.3  # s that it may take when the process is to end
FLUSH_TIME = 0.2  # s that subscribers have to take the last messages, for each topic

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
ERROR = TransitionCallbackReturn.ERROR


class ActionLocalizer(PatientLifecycleNode):
    """Configure opens the model, activate starts the worker, deactivate stops it.

    The model is opened in a thread of its own. Subscriptions are made when the node is configured
    first, and stay: what comes while it is not active is discarded.
    """

    def __init__(self, **options: Any) -> None:
        """Declare parameters and advertise; `options` are those of `rclpy.node.Node`.

        Raises:
            InvalidParameterTypeException: A parameter of a wrong type.
            InvalidParameterValueException: A parameter out of its range.
            ValueError: A parameter that is wrong in another way.
        """
        super().__init__('action_localizer', **options)
        parameters.declare(self)
        self.settings = parameters.read(self)
        parameters.check_names(self, self.settings.strict)
        self._opened: tuple[object, ...] = ()
        self._opening: float | None = None
        self._bond: Any = None
        self._localizer: Localizer | None = None
        self._session: Session | None = None
        self._interfaces: NodeInterfaces | None = None
        self._boxes: BoxesInput | None = None
        self._joints: JointsInput | None = None
        self._sound: SoundInput | None = None
        self._stamps = {camera: StampHistory() for camera in self.settings.cameras}
        self._warn = ThrottledLogger(self.get_logger())
        self._surroundings = Surroundings(self, self._warn)
        self._outputs = RosSink(self, self.settings.process_all)
        self._markers = MarkerSink(self)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._timer = self.create_timer(
            self.settings.diagnostics_period,
            self._diagnose,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        self._broken = self.create_guard_condition(self._on_worker_failed)
        self._jumps = self.get_clock().create_jump_callback(
            JumpThreshold(
                min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=False
            ),
            post_callback=self._on_jump,
        )
        self.create_service(SetBool, '~/enable', self._on_enable)
        self.create_service(Trigger, '~/reset', self._on_reset)
        self.add_on_set_parameters_callback(self._on_set)

    async def autostart(self) -> bool:
        """Configure and activate the node; say whether it is active then."""
        return await self.change_state(Transition.TRANSITION_CONFIGURE) and (
            await self.change_state(Transition.TRANSITION_ACTIVATE)
        )

    async def prepare(self, transition: int) -> None:
        """Open the model in a thread, so that services, parameters and diagnostics answer."""
        needed = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
        if transition not in needed or self._is_open():
            return
        self._close()
        wanted, model, options = self._wanted(), self.settings.model, self._options()
        self._opening = time.monotonic()
        self.get_logger().info(f'opening the model {model}, which may take some seconds')
        try:
            localizer = await Background(lambda: _load(model, options))
            took = time.monotonic() - self._opening
        finally:
            self._opening = None
        self._localizer, self._opened = localizer, wanted
        self.get_logger().info(f'opened {localizer.name} in {took:.1f} s')

    def quit(self) -> bool:
        """End what is open and publish that, as the process is to end; say whether in time."""
        self._leave_bond()
        session, self._session = self._session, None
        return session is None or self._end(session, QUIT_TIME)

    def note_error(self, error: Exception) -> None:
        """Say that a message or a request was ignored, since taking it raised an exception."""
        kind = type(error).__name__
        self._warn(f'raised {kind}', f'what came is ignored, since it raised {kind}: {error}')
        self.get_logger().debug(''.join(traceback.format_exception(error)))

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe, with the model open: who waits for a subscriber finds a node that listens."""
        try:
            self._open()
            self._interfaces = self._interfaces or self._subscribe()
            self._listen_to_transforms(self._interfaces)
        except Exception as error:
            return self.refuse('cannot be configured', error)
        self.fault = ''
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker, with the model opened again if need be."""
        assert self._interfaces is not None
        super().on_activate(state)
        try:
            self._listen_to_transforms(self._interfaces)
            localizer = self._open()
            self._interfaces.boxes, self._interfaces.joints = self._boxes, self._joints
            self._interfaces.sound = self._sound
            self._session = Session(
                self._interfaces, self.settings, localizer, failed=self._broken.trigger
            )
            if not self.settings.autostart:
                self._bond = make_bond(self)
            self._session.start()
        except Exception as error:
            super().on_deactivate(state)
            self._session = None
            return self.refuse('cannot be activated', error)
        self.fault = ''
        self.get_logger().info(
            f'localizing with {localizer.name} on '
            f'{", ".join(camera.topic for camera in self._interfaces.inputs)}'
        )
        return SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End what is open and stop the worker; free the model where that is asked for."""
        stopped = self._stop(STOP_TIME)
        super().on_deactivate(state)
        return SUCCESS if stopped else ERROR

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model."""
        self._close()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free all."""
        self._stop(STOP_TIME)
        self._close()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free what can be freed; the node can be configured again."""
        self._session = None
        self._close()
        super().on_deactivate(state)
        return SUCCESS

    def _subscribe(self) -> NodeInterfaces:
        settings = self.settings
        inputs = [
            CameraInput(
                self, camera, self._stamps[camera], settings.compressed, settings.process_all
            )
            for camera in settings.cameras
        ]
        depths = {
            camera: DepthInput(
                self,
                camera,
                self._stamps[camera],
                settings.process_all,
                settings.buffer,
                self._warn,
            )
            for camera in settings.cameras
            if settings.depth
        }
        return NodeInterfaces(
            self.get_clock(), inputs, depths, None, self._outputs, self._markers, self._warn
        )

    def _listen_to_transforms(self, interfaces: NodeInterfaces) -> None:
        if self.settings.target_frame and interfaces.transformer is None:
            interfaces.transformer = PoseTransformer(self, self._warn)

    def _open(self) -> Localizer:
        """Return the localizer that the settings ask for, opening it if it is not open."""
        if not self._is_open():
            self._close()
            self._localizer = _load(self.settings.model, self._options())
            self._opened = self._wanted()
        assert self._localizer is not None
        _check_labels(self.settings, self._localizer)
        return self._localizer

    def _wanted(self) -> tuple[object, ...]:
        """Return the settings of which a change asks for another localizer."""
        return (self.settings.model, self.settings.localizer)

    def _is_open(self) -> bool:
        return self._localizer is not None and self._opened == self._wanted()

    def _options(self) -> LocalizerOptions:
        """Return the localizer's options, with what comes on topics where the model needs it."""
        settings = self.settings
        needed = side_inputs(settings.model)
        if not needed:
            return settings.localizer
        if 'sound' in needed and self._sound is None:
            self._sound = SoundInput(
                self,
                settings.cameras[0],
                settings.sound_type,
                settings.sound_format,
                settings.sound_patience,
                self._warn,
            )
        if 'boxes' in needed and self._boxes is None:
            self._boxes = BoxesInput(
                self,
                self._stamps,
                settings.boxes_type,
                settings.boxes_patience,
                settings.buffer,
                self._warn,
            )
        if 'joints' in needed and self._joints is None:
            self._joints = open_joints_input(
                self,
                self._stamps,
                settings.joints_type,
                settings.joints_patience,
                settings.buffer,
                self._warn,
            )
        inputs = NodeInputs(self._boxes, self._joints, self._sound)
        return replace(settings.localizer, side_inputs=inputs)

    def _close(self) -> None:
        if self._localizer is None:
            return
        self._localizer.close()
        self._localizer = None
        gc.collect()
        free_kept_memory()

    def _stop(self, timeout: float) -> bool:
        """Stop the worker within `timeout` s, if the node is active; say whether in time."""
        self._leave_bond()
        session, self._session = self._session, None
        if session is None:
            return True
        if not self._end(session, timeout):
            self._localizer = None  # the worker's thread holds it, until the step is done
            return False
        if self.settings.free_on_deactivate or session.failure is not None:
            del session
            self._close()
            remains = ', '.join(f'{name}: {value}' for name, value in device_memory().items())
            self.get_logger().info(f'freed the model{"; " + remains if remains else ""}')
        elif self._localizer is not None:
            self._localizer.reset()
        return True

    def _leave_bond(self) -> None:
        bond, self._bond = self._bond, None
        if bond is not None:
            end_bond(self, bond)

    def _end(self, session: Session, timeout: float) -> bool:
        """Stop a session within `timeout` s, with its last messages delivered; say whether."""
        if not session.stop(timeout):
            self.get_logger().error(
                f'the model still works on a step after {timeout} s: what is open is not ended'
            )
            return False
        if not self._outputs.flush(FLUSH_TIME):
            # They are sent all the same: some middleware acknowledges only seconds later.
            self.get_logger().debug('not all subscribers acknowledged the last messages yet')
        return True

    def _on_worker_failed(self) -> None:
        """Give up being active, since the worker has broken down."""
        failure = self._session.failure if self._session else None
        if failure is None:
            return
        self.fault = f'stopped by an error: {type(failure).__name__}: {failure}'
        self.get_logger().error(''.join(traceback.format_exception(failure)))
        self.get_logger().error(f'{self.fault}; the node is inactive until it is activated again')
        if self.state == 'active':
            self.trigger_deactivate()

    def _on_jump(self, jump: TimeJump) -> None:
        if self._session is not None:
            after = self.get_clock().now().nanoseconds
            self._session.jump(after - jump.delta.nanoseconds, after)

    def _on_set(self, changes: Sequence[Parameter]) -> Any:
        try:
            settings = parameters.changed(self, changes, self._why_fixed())
            if self._localizer is not None and self._session is not None:
                _check_labels(settings, self._localizer)
        except ValueError as error:
            return parameters.refusal(error)
        self.settings = settings
        self._timer.timer_period_ns = round(settings.diagnostics_period * 1e9)
        if self._session is not None:
            self._session.configure(settings)
        return parameters.SetParametersResult(successful=True)

    def _why_fixed(self) -> str:
        """Say what must be done before the model's parameters may change; nothing if nothing."""
        if self._opening is not None:
            return 'wait until the model is open'
        return 'deactivate it first' if self._session is not None else ''

    def _on_enable(self, request: Any, response: Any) -> Any:
        if self._session is None:
            response.success, response.message = False, 'the node is not active'
            return response
        self._session.enable(request.data)
        response.success, response.message = True, 'enabled' if request.data else 'disabled'
        return response

    def _on_reset(self, _: Any, response: Any) -> Any:
        if self._session is None:
            response.success, response.message = False, 'the node is not active'
            return response
        self._session.reset()
        response.success = True
        response.message = 'what is open is ended before the next frame is processed'
        return response

    def _diagnose(self) -> None:
        name = self.get_fully_qualified_name().removeprefix('/')
        session = self._session
        health = NodeHealth(
            state=self.state,
            enabled=session is not None and session.enabled,
            fault=self.fault,
            model=self._localizer.name if self._localizer else '',
            labels=len(self._localizer.labels) if self._localizer else 0,
            device=self.settings.localizer.device,
            waiting=session.waiting if session else 0,
            progress=self._progress(),
            hints=self._surroundings.hints(),
        )
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        message.status = [node_status(name, health)]
        if session is not None and session.enabled:
            message.status += session.statuses(name)
        self._diagnostics.publish(message)

    def _progress(self) -> str:
        """Say what takes long just now; nothing if nothing does."""
        if self._opening is None:
            return ''
        took = time.monotonic() - self._opening
        return f'opening the model {self.settings.model} for {took:.0f} s'


def _load(model: str, options: LocalizerOptions) -> Localizer:
    """Open a model, and give back what only opening it took."""
    localizer = open_localizer(model, options)
    free_kept_memory()
    return localizer


def _check_labels(settings: Settings, localizer: Localizer) -> None:
    """Raise ValueError where the settings speak of labels that the localizer has not."""
    InstanceTracker(settings.instances, localizer.labels, localizer.threshold)
