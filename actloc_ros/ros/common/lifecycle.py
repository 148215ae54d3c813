"""A lifecycle node that answers while a transition takes long, and lives on after a bad request."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from lifecycle_msgs.msg import Transition
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.service import Service

POLL_PERIOD = 0.05  # s that a coroutine waits for a thread before other callbacks have their turn
NAMES = {
    Transition.TRANSITION_CONFIGURE: 'configured',
    Transition.TRANSITION_CLEANUP: 'cleaned up',
    Transition.TRANSITION_ACTIVATE: 'activated',
    Transition.TRANSITION_DEACTIVATE: 'deactivated',
}

Result = TypeVar('Result')


class Background(threading.Thread, Generic[Result]):
    """A function that runs in a thread of its own; `await` gives its result or its exception.

    Executors of rclpy before Lyrical call a waiting coroutine again and again: the short wait in
    it keeps that from taking a core.
    """

    def __init__(self, function: Callable[[], Result]) -> None:
        super().__init__(daemon=True)
        self._function = function
        self._result: list[Result] = []
        self._error: Exception | None = None

    def run(self) -> None:
        """Call the function; in the thread."""
        try:
            self._result.append(self._function())
        except Exception as error:
            self._error = error

    def __await__(self) -> Generator[None, None, Result]:
        """Wait for the function's result."""
        self.start()
        while self.is_alive():
            self.join(POLL_PERIOD)
            yield
        if self._error is not None:
            raise self._error
        return self._result.pop()


class PatientLifecycleNode(LifecycleNode):
    """Refuses what cannot be done, says so, and prepares transitions beside its other callbacks.

    What a service's callback raises would end the process, and a transition that takes long would
    keep all other callbacks waiting. Transitions that come meanwhile wait for their turn.

    Attributes:
        fault: Why the last transition was refused, or what ended the activation; empty if nothing.
    """

    def __init__(self, name: str, **options: Any) -> None:
        """Create a node; `options` are those of `rclpy.node.Node`."""
        super().__init__(name, **options)
        self.fault = ''
        own_turn = MutuallyExclusiveCallbackGroup()
        self._service_change_state.callback = self._on_change_state  # type: ignore[assignment]
        self._service_change_state.callback_group = own_turn
        own_turn.add_entity(self._service_change_state)
        for service in self.services:
            if service.srv_type in (SetParameters, SetParametersAtomically):
                service.callback = self._guarded(service)

    @property
    def state(self) -> str:
        """Return the lifecycle state's label."""
        label: str = self._state_machine.current_state[1]
        return label

    def destroy_node(self) -> None:
        """Destroy the node at once.

        rclpy's state machine holds it: others would list a process that has ended for 20 s.
        """
        super().destroy_node()
        del self._state_machine

    async def prepare(self, transition: int) -> None:
        """Do what takes long in a transition, before its callback; an exception refuses it."""

    async def change_state(self, transition: int) -> bool:
        """Go through a transition, by its id; return whether it went well."""
        machine = self._state_machine
        if transition not in [possible[0] for possible in machine.available_transitions]:
            name = NAMES.get(transition, f'taken through transition {transition}')
            self.get_logger().warning(f'the node is {self.state}: it cannot be {name}')
            return False
        before = LifecycleState(*machine.current_state)
        machine.trigger_transition_by_id(transition, True)
        try:
            await self.prepare(transition)
        except Exception as error:
            result = self.refuse(f'cannot be {NAMES[transition]}', error)
        else:
            result = self._call_back(before)
        machine.trigger_transition_by_label(result.to_label(), True)
        if result == TransitionCallbackReturn.ERROR:
            after = self._call_back(before)
            machine.trigger_transition_by_label(after.to_label(), True)
        return bool(result == TransitionCallbackReturn.SUCCESS)

    def _call_back(self, before: LifecycleState) -> TransitionCallbackReturn:
        """Call what belongs to the present state; what it raises is an error, as rclpy has it."""
        try:
            return self._callbacks[self._state_machine.current_state[0]](before)
        except Exception as error:
            self.refuse(f'failed while {self.state}', error)
            return TransitionCallbackReturn.ERROR

    def refuse(self, what: str, error: Exception) -> TransitionCallbackReturn:
        """Say why a transition is refused; the traceback only where it is no user's error."""
        self.fault = f'{what}: {error}'
        if not isinstance(error, (ValueError, OSError)):
            self.fault = f'{what}: {type(error).__name__}: {error}'
            self.get_logger().error(''.join(traceback.format_exception(error)))
        self.get_logger().error(self.fault)
        return TransitionCallbackReturn.FAILURE

    async def _on_change_state(self, request: Any, response: Any) -> Any:
        transition = request.transition.id
        if request.transition.label:
            known = {label: id_ for id_, label, *_ in self._state_machine.available_transitions}
            transition = known.get(request.transition.label, transition)
        response.success = await self.change_state(transition)
        return response

    def _guarded(self, service: Service) -> Callable[[Any, Any], Any]:
        """Return the callback of a service that sets parameters, with refusals for exceptions."""
        callback = service.callback

        def answer(request: Any, response: Any) -> Any:
            try:
                return callback(request, response)
            except Exception as error:
                self.get_logger().error(f'a change of parameters is refused: {error}')
                refusal = SetParametersResult(successful=False, reason=str(error))
            if isinstance(response, SetParametersAtomically.Response):
                response.result = refusal
            else:
                response.results = [refusal] * len(request.parameters)
            return response

        return answer
