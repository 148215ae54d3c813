"""Make the README's picture: the default on a real recording, at some moments of it.

`python scripts/make_readme_picture.py RECORDING SECONDS … --out doc/real.jpg`
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from actloc_ros.io.drawing import draw_message
from actloc_ros.io.sources import open_source
from actloc_ros.offline import localize, open_pipeline
from actloc_ros.settings import settings_of
from actloc_ros.settings.specs import DEFAULTS

HEIGHT = 300  # pixels
QUALITY = 82  # of JPEG


def moments(recording: Path, seconds: list[float]) -> list[np.ndarray]:
    """Return the frames at these times, with what is reported drawn into them: uint8, RGB."""
    pipeline = open_pipeline(settings_of(DEFAULTS))
    source = open_source(recording)
    wanted = [round(each * source.rate) for each in seconds]
    drawn = []
    for number, report in enumerate(localize(source, pipeline)):
        if number in wanted and report.frame is not None:
            drawn.append(draw_message(report.frame.image, report.message, report.joint_names))
        if number >= max(wanted):
            break
    pipeline.close()
    return drawn


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('recording', type=Path)
    parser.add_argument('seconds', type=float, nargs='+')
    parser.add_argument('--out', type=Path, required=True)
    args = parser.parse_args()
    images = [
        cv2.resize(image, (round(image.shape[1] * HEIGHT / image.shape[0]), HEIGHT))
        for image in moments(args.recording, args.seconds)
    ]
    row = cv2.cvtColor(np.concatenate(images, axis=1), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(args.out), row, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


if __name__ == '__main__':
    main()
