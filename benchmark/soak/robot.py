"""The node as its own process, and what talks to it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile
from std_srvs.srv import SetBool, Trigger

from actloc_ros.msg import ActionDetection, ActionDetectionArray
from benchmark.soak.ledger import Ledger

NAME = 'action_localizer'
START_TIME = 120.0  # s until the node answers
ANSWER_TIME = 60.0  # s that a service may take
QUIET = 1.0  # s without a message after which none is on its way
TICK = os.sysconf('SC_CLK_TCK')
ROOT = Path(__file__).resolve().parents[2]


class Process:
    """The node's process."""

    def __init__(self, model: str, cameras: Sequence[str]) -> None:
        """Start it."""
        executable = shutil.which(NAME)
        assert executable, 'source scripts/setup.bash first'
        parameters = (
            f'model:={model}',
            f'cameras:=[{", ".join(cameras)}]',
            'autostart:=false',
            'diagnostics.period:=0.5',
            'instances.min_duration:=0.1',
        )
        words = [word for parameter in parameters for word in ('-p', parameter)]
        # Last: the source tree must not hide the installed package.
        path = f'{os.environ.get("PYTHONPATH", "")}:{ROOT}'
        self._process = subprocess.Popen(
            [executable, '--ros-args', '--log-level', 'error', *words],
            env={**os.environ, 'PYTHONPATH': path},
        )
        self._began = time.monotonic()

    def alive(self) -> bool:
        """Say whether it has not ended."""
        return self._process.poll() is None

    def memory(self) -> float:
        """Return its resident memory in MB."""
        status = Path(f'/proc/{self._process.pid}/status').read_text()
        found = re.search(r'VmRSS:\s+(\d+) kB', status)
        assert found
        return int(found[1]) / 1e3

    def cpu_share(self) -> float:
        """Return the share of one core that it has had."""
        fields = Path(f'/proc/{self._process.pid}/stat').read_text().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK / (time.monotonic() - self._began)

    def end(self) -> int:
        """End it as Ctrl-C does; return its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait(30)


class Planner:
    """Takes all that the node says, and calls its services.

    Attributes:
        node: Of the planner and the cameras.
        statuses: The newest diagnostic statuses, by name.
        errors: What statuses of the level ERROR said.
    """

    def __init__(self, ledger: Ledger) -> None:
        """Subscribe; `ledger` takes results and events."""
        self.node = Node('soak')
        self.statuses: dict[str, DiagnosticStatus] = {}
        self.errors: list[str] = []
        self._last_message = 0.0
        every = QoSProfile(history=HistoryPolicy.KEEP_ALL)
        subscribe = self.node.create_subscription
        subscribe(ActionDetectionArray, f'{NAME}/detections', self._noted(ledger.add_result), every)
        subscribe(ActionDetection, f'{NAME}/events', self._noted(ledger.add_event), every)
        subscribe(DiagnosticArray, '/diagnostics', self._take_statuses, 10)
        types = {'change_state': ChangeState, 'enable': SetBool, 'reset': Trigger}
        self._clients = {
            name: self.node.create_client(kind, f'{NAME}/{name}') for name, kind in types.items()
        }
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take nothing any more."""
        self._executor.shutdown(1)
        self._thread.join(5)
        self.node.destroy_node()

    def wait_for_node(self) -> None:
        """Wait until its services are there."""
        for client in self._clients.values():
            assert client.wait_for_service(START_TIME), 'the node does not answer'

    def configure(self) -> bool:
        """Ask for this transition; say whether it went well."""
        return self._change_state(Transition.TRANSITION_CONFIGURE)

    def activate(self) -> bool:
        """Ask for this transition; say whether it went well."""
        return self._change_state(Transition.TRANSITION_ACTIVATE)

    def deactivate(self) -> bool:
        """Ask for this transition; say whether it went well."""
        return self._change_state(Transition.TRANSITION_DEACTIVATE)

    def clean_up(self) -> bool:
        """Ask for this transition; say whether it went well."""
        return self._change_state(Transition.TRANSITION_CLEANUP)

    def enable(self, enabled: bool) -> bool:
        """Call `~/enable`; say whether it went well."""
        return bool(self._call('enable', SetBool.Request(data=enabled)).success)

    def reset(self) -> bool:
        """Call `~/reset`; say whether it went well."""
        return bool(self._call('reset', Trigger.Request()).success)

    def wait_until_quiet(self) -> None:
        """Wait until no results and events come any more."""
        deadline = time.monotonic() + ANSWER_TIME
        while time.monotonic() - self._last_message < QUIET:
            assert time.monotonic() < deadline, 'results come though no camera sends'
            time.sleep(QUIET / 10)

    def next_values(self) -> dict[str, dict[str, str]]:
        """Return the values of diagnostics that were made after this was called, by status."""
        self.statuses.clear()
        deadline = time.monotonic() + ANSWER_TIME
        while len(self.statuses) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        return {
            name: {pair.key: pair.value for pair in status.values}
            for name, status in list(self.statuses.items())
        }

    def _change_state(self, transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return bool(self._call('change_state', request).success)

    def _call(self, name: str, request: Any) -> Any:
        future = self._clients[name].call_async(request)
        deadline = time.monotonic() + ANSWER_TIME
        while not future.done():
            assert time.monotonic() < deadline, f'{name} was not answered in {ANSWER_TIME} s'
            time.sleep(0.01)
        return future.result()

    def _noted(self, take: Callable[[Any], None]) -> Callable[[Any], None]:
        def noted(message: Any) -> None:
            self._last_message = time.monotonic()
            take(message)

        return noted

    def _take_statuses(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses[status.name] = status
            if status.level == DiagnosticStatus.ERROR:
                self.errors.append(f'{status.name}: {status.message}')
