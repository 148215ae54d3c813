"""Check that the node passes a short soak, and that a soak notices what goes wrong."""

import subprocess
import sys
from collections.abc import Callable
from math import exp

import numpy as np
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


MINUTES = 60


def samples(trend: Callable[[float], float]) -> tuple[list[float], list[float]]:
    """Return times in s, and MB that follow a trend by minutes, with swings and noise."""
    chance = np.random.default_rng(0)
    minutes = np.arange(0, MINUTES, 1 / 60)
    swing = 15 * (minutes / 3 % 1)  # grows for 3 minutes, until the node's model is freed
    memory = [trend(minute) for minute in minutes.tolist()] + swing
    return (60 * minutes).tolist(), (memory + chance.normal(0, 2, len(minutes))).tolist()


@pytest.mark.parametrize(
    'trend',
    [
        lambda minute: 285.0,
        lambda minute: 285 + 31 * (1 - exp(-minute / 10)),  # levels off
        lambda minute: 285 - minute / 2,
        lambda minute: 285 + 10 * minute / MINUTES,  # less than it swings
    ],
)
def test_memory_that_swings_or_levels_off_is_no_fault(trend: Callable[[float], float]) -> None:
    text, faults = check_memory(*samples(trend))
    assert faults == []
    assert 'limit 40.0' in text


@pytest.mark.parametrize(
    'trend',
    [
        lambda minute: 285 + 60 * minute / 60,
        lambda minute: 285 + 60 * max(minute - 20, 0) / 60,  # grows only later
        lambda minute: 285 + 20 * (minute > 45),  # keeps something large
    ],
)
def test_memory_that_grows_is_a_fault(trend: Callable[[float], float]) -> None:
    assert 'memory grew by' in check_memory(*samples(trend))[1][0]


def test_a_short_soak_finds_what_grows_fast() -> None:
    times = [float(second) for second in range(20)]
    assert check_memory(times, [100 + second / 2 for second in times])[1] == []
    assert 'grew by 27.0 MB' in check_memory(times, [100 + 3 * second for second in times])[1][0]
