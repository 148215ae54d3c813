"""Run the process of `action_localizer`: from its arguments to a signal that ends it."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import rclpy
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import (
    Executor,
    ExternalShutdownException,
    ShutdownException,
    SingleThreadedExecutor,
)
from rclpy.signals import SignalHandlerOptions

from actloc_ros.ros.localizer_node.node import ActionLocalizer

SPIN_TIME = 0.1  # s after which a signal is noticed


class StopSignal:
    """Notes SIGINT and SIGTERM; while the node starts, they interrupt it at once."""

    def __init__(self) -> None:
        self.received = False
        self.interrupts = True
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = True
        if self.interrupts:
            raise KeyboardInterrupt


def main(args: list[str] | None = None) -> int:
    """Run the node until a signal ends it; return the process's exit code.

    Leave the process by `os._exit` then: PyTorch takes seconds to be torn down, and the thread of a
    model that is stuck would hold the process up.
    """
    stop = StopSignal()
    # rclpy's own handlers would close all publishers before the last message is out.
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # a parameter file that is missing or none, a wrong argument
        print(f'action_localizer: error: {str(error).splitlines()[0]}', file=sys.stderr)
        return 2
    try:
        return _run(stop)
    except KeyboardInterrupt:
        return 0
    except (InvalidParameterTypeException, InvalidParameterValueException, ValueError) as error:
        print(f'action_localizer: error: {error}', file=sys.stderr)
        return 2
    finally:
        rclpy.try_shutdown()


def _run(stop: StopSignal) -> int:
    node = ActionLocalizer()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    starting = executor.create_task(node.autostart) if node.settings.autostart else None
    stop.interrupts = False
    try:
        while rclpy.ok() and not stop.received:
            _spin_once(executor, node)
            if starting is not None and starting.done() and not starting.result():
                return 1
    finally:
        in_time = node.quit()
        executor.shutdown(0)  # without waiting for a model that is being opened
        node.destroy_node()
    return 0 if in_time else 1


def _spin_once(executor: Executor, node: ActionLocalizer) -> None:
    """Call what is due; what rclpy or a callback raises is logged, and the node lives on."""
    try:
        executor.spin_once(timeout_sec=SPIN_TIME)
    except (ExternalShutdownException, ShutdownException):
        pass  # the loop ends, since rclpy is not ok any more
    except Exception as error:
        node.note_error(error)
