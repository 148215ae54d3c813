"""Check that a clock that jumps back makes the bridge forget, and know again."""

import time

from bridge_harness import detection, running_bridge
from diagnostic_msgs.msg import DiagnosticArray
from node_harness import wait_for
from rosgraph_msgs.msg import Clock

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def test_a_looped_recording_is_no_reason_to_drive_on():
    with running_bridge(nav2__cloud=True, use_sim_time=True) as (_, client):
        reports = client.listen(DiagnosticArray, '/diagnostics')
        assert client.change_state('configure')
        assert client.change_state('activate')
        clock = client.publisher(Clock, '/clock')
        time_now = START

        def run(said, report=True):
            """Let time go on until the diagnostics say something."""
            nonlocal time_now
            reports.clear()

            def step():
                nonlocal time_now
                time_now += SECOND // 20
                message = Clock()
                message.clock.sec, message.clock.nanosec = divmod(time_now, SECOND)
                clock.publish(message)
                if report:
                    client.report(detection(1, (2, 0, 1)), stamp=time_now)
                time.sleep(0.05)
                texts = [s.message for array in list(reports) for s in array.status]
                return any(said in text for text in texts)

            wait_for(step)

        run('people are known')
        time_now -= 60 * SECOND
        run('no report of the localizer', report=False)
        run('people are known')
