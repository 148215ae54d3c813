"""Print the action instances in a bag of detections, with rosbags alone: no ROS, no actloc_ros.

    actloc run walk.mp4 --out detections
    python examples/read_detections.py detections

The bag holds the definitions of its messages, so that nothing has to be built.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader

DETECTIONS = 'actloc_ros/msg/ActionDetectionArray'
ROW = '{:10} {:>6} {:20} {:>9} {:>9} {:>6}'


def detections(bag: Path) -> Iterator[Any]:
    """Yield each `ActionDetection` of a bag in recorded order."""
    with AnyReader([bag]) as reader:
        topics = [each for each in reader.connections if each.msgtype == DETECTIONS]
        for connection, _, data in reader.messages(topics):
            yield from reader.deserialize(data, connection.msgtype).detections


def instances(bag: Path) -> dict[tuple[str, int], list[Any]]:
    """Return the detections of each instance, by camera and instance id."""
    found: dict[tuple[str, int], list[Any]] = {}
    for detection in detections(bag):
        if detection.instance_id:  # 0: no action is decided
            found.setdefault((detection.camera, detection.instance_id), []).append(detection)
    return found


def row(instance: list[Any]) -> str:
    """Return an instance's line: its newest detection has its end, any may have its best score."""
    last = instance[-1]
    scores = [r.score for d in instance for r in d.results if r.class_id == d.class_id]
    start, end = seconds(last.start_time), seconds(last.end_time)
    times = f'{start:.2f}', f'{end:.2f}', f'{max(scores):.2f}'
    return ROW.format(last.camera or '-', last.track_id, last.label, *times)


def seconds(time: Any) -> float:
    """Return a `Time` message in s."""
    return time.sec + time.nanosec / 1e9


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description='Print the action instances in a bag.')
    parser.add_argument('bag', type=Path, help='a bag of detections')
    found = instances(parser.parse_args().bag)
    print(ROW.format('camera', 'track', 'action', 'start, s', 'end, s', 'score'))
    for instance in found.values():
        print(row(instance))


if __name__ == '__main__':
    main()
