"""Save a drawn image of each frame in which an action starts.

    actloc run walk.mp4 --out detections
    python examples/draw_detections.py walk.mp4 detections pictures

Detections belong to the frame with their stamp. `actloc draw` makes a video of all frames.
"""

import argparse
from pathlib import Path
from typing import Any

import cv2

from actloc_ros.frames import seconds
from actloc_ros.instances import InstanceState
from actloc_ros.io.bags import read_detections, read_joint_names
from actloc_ros.io.drawing import draw_message
from actloc_ros.io.sources import open_source
from actloc_ros.messages import stamp_of


def starts(bag: Path) -> dict[int, Any]:
    """Return the `ActionDetectionArray`s in which an action starts, by stamp in ns."""
    return {
        stamp_of(message.header.stamp): message
        for message in read_detections(bag)
        if any(each.state == InstanceState.STARTED for each in message.detections)
    }


def main() -> None:
    """Draw, and print the path of each image."""
    parser = argparse.ArgumentParser(description='Draw each frame in which an action starts.')
    parser.add_argument('recording', type=Path, help='a video, a folder of images or a bag')
    parser.add_argument('bag', type=Path, help='a bag of its detections')
    parser.add_argument('out', type=Path, help='folder for the images')
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    messages, names = starts(options.bag), read_joint_names(options.bag)
    for frame in open_source(options.recording):
        if frame.stamp in messages:
            path = options.out / f'{seconds(frame.stamp):09.3f}.png'
            drawn = draw_message(frame.image, messages[frame.stamp], names)
            cv2.imwrite(str(path), cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
            print(path)


if __name__ == '__main__':
    main()
