"""Check that the node passes a short soak, and that a soak notices what goes wrong."""

import subprocess
import sys

import pytest

from actloc_ros.messages import header_message
from actloc_ros.msg import ActionDetection, ActionDetectionArray
from actloc_ros.ros.common.message_types import ros_type
from benchmark.soak.ledger import Ledger, check_counters
from benchmark.soak.memory import check_memory

STARTED, ONGOING, ENDED = ActionDetection.STARTED, ActionDetection.ONGOING, ActionDetection.ENDED


@pytest.mark.timeout(400)
def test_the_node_passes_a_short_soak() -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'benchmark.soak', '--minutes', '0.33'],
        stdout=subprocess.PIPE,
        text=True,
        timeout=380,
    )
    assert done.returncode == 0, done.stdout
    assert '0 faults' in done.stdout
    assert 'images sent by 3 cameras' in done.stdout


def change(state: int, stamp: int, instance: int = 1) -> ActionDetection:
    """Return a detection of the camera front."""
    header = header_message(ros_type, stamp, 'front')
    return ActionDetection(header=header, camera='front', instance_id=instance, state=state)


def ledger(results: list[ActionDetection], events: list[ActionDetection]) -> Ledger:
    """Return the account of results with a detection each, and of events."""
    ledger = Ledger()
    for detection in results:
        message = ActionDetectionArray(camera='front', detections=[detection])
        message.inference_time.nanosec = 1
        ledger.add_result(message)
    for event in events:
        ledger.add_event(event)
    return ledger


def test_events_that_agree_with_results_are_no_fault() -> None:
    results = [change(STARTED, 1), change(ONGOING, 2), change(ENDED, 3)]
    account = ledger(results, [results[0], results[2]])
    account.end()
    assert account.faults == []
    assert (account.openings, account.events) == (1, 2)


@pytest.mark.parametrize(
    ('results', 'events', 'fault'),
    [
        ([change(STARTED, 1), change(ENDED, 2)], [change(STARTED, 1)], 'without their event'),
        ([change(STARTED, 1)], [change(STARTED, 1)], 'instance 1 of camera front was not ended'),
        ([], [change(STARTED, 1), change(ENDED, 2)], 'without their detection'),
        ([change(STARTED, 1)], [change(STARTED, 1), change(STARTED, 1)], 'started twice'),
        ([change(ENDED, 1)], [change(ENDED, 1)], 'is not open'),
    ],
)
def test_events_that_are_lost_or_doubled_are_faults(
    results: list[ActionDetection], events: list[ActionDetection], fault: str
) -> None:
    account = ledger(results, events)
    account.end()
    assert any(fault in found for found in account.faults), account.faults


def test_counters_must_add_up() -> None:
    values = {
        'topic': '/front/image',
        'frames in': '9',
        'frames processed': '5',
        'frames dropped': '4',
        'frames late': '1',
        'frames limited by max_rate': '0',
        'frames broken (encoding)': '2',
    }
    assert check_counters(values, results=5) == []
    assert '6 results came' in check_counters(values, results=6)[0]
    assert '9 frames came' in check_counters({**values, 'frames dropped': '3'}, results=5)[0]
    assert 'late or limited' in check_counters({**values, 'frames late': '3'}, results=5)[0]


def test_memory_that_grows_is_a_fault() -> None:
    times = [float(i) for i in range(600)]
    flat = [100 + 50 * min(at / 30, 1) for at in times]
    growing = [level + at / 20 for level, at in zip(flat, times, strict=True)]
    assert check_memory(times, flat)[1] == []
    assert 'memory grew' in check_memory(times, growing)[1][0]
