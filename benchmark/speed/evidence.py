"""Measure what keeping evidence of one camera costs, in per cent of a core: all, and encoding."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import wraps
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from actloc_ros.alarms import clip, evidence_worker
from actloc_ros.alarms.alarm import Alarm, AlarmType, Severity
from actloc_ros.alarms.evidence import EvidenceRecorder
from actloc_ros.alarms.evidence_options import DiskBudget, EvidenceOptions
from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.io.drawing import ActionRow
from actloc_ros.io.video_writer import VideoWriter

BEGIN = 1_700_000_000 * NANOSECONDS


class Stopwatch:
    """Adds up processor time of this process while functions run."""

    def __init__(self) -> None:
        self.spent = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed by the thread that calls it."""

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.spent += time.thread_time() - began

        return timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', type=float, default=20.0, help='of each measurement')
    parser.add_argument('--fps', type=float, default=30.0, help='of the camera')
    parser.add_argument('--rate', type=float, default=10.0, help='of the evidence; 0: all frames')
    options = parser.parse_args()
    cv2.setNumThreads(1)
    watch = Stopwatch()
    evidence_worker.encode_jpeg = watch.around(evidence_worker.encode_jpeg)
    clip.encode_jpeg = watch.around(clip.encode_jpeg)
    VideoWriter.write = watch.around(VideoWriter.write)
    VideoWriter.__exit__ = watch.around(VideoWriter.__exit__)
    images = _images()
    print(f'one camera, 1280x720, {options.fps:.0f} Hz, evidence at {options.rate:.0f} Hz')
    for title, with_jpeg, with_alarm in (
        ('raw images, no alarm', False, False),
        ('raw images, an alarm all the time', False, True),
        ('JPEG images, no alarm', True, False),
        ('JPEG images, an alarm all the time', True, True),
    ):
        jpegs = [clip.encode_jpeg(image) if with_jpeg else None for image in images]
        watch.spent = 0.0
        spent, took, lost = _measure(images, jpegs, options, with_alarm)
        everything, encoding = (100 * each / took for each in (spent, watch.spent))
        print(
            f'{title:36} {everything:5.1f} % of a core, {encoding:5.1f} % of it encoding, '
            f'{everything - encoding:4.1f} % beyond; {lost} frames lost'
        )


def _images() -> list[np.ndarray]:
    """Return some images with texture that moves."""
    coarse = np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8)
    image = cv2.resize(coarse, (1280, 720), interpolation=cv2.INTER_CUBIC)
    return [np.roll(image, 4 * shift, axis=1) for shift in range(15)]


def _measure(
    images: list[np.ndarray],
    jpegs: list[bytes | None],
    options: argparse.Namespace,
    with_alarm: bool,
) -> tuple[float, float, int]:
    """Return the processor time of this process and the time, in s, and the frames lost."""
    row = ActionRow(1, (300.0, 200.0, 500.0, 600.0), 'walking', 0.9, 1.0)
    settings = EvidenceOptions(rate=options.rate, budget=DiskBudget(min_free=0))
    with TemporaryDirectory() as folder:
        recorder = EvidenceRecorder(folder, settings)
        began = time.process_time(), time.monotonic()
        for number in range(round(options.seconds * options.fps)):
            stamp = BEGIN + round(number / options.fps * NANOSECONDS)
            image, jpeg = (each[number % len(images)] for each in (images, jpegs))
            recorder.add_frame(Frame('', stamp, image), jpeg)
            recorder.add_rows('', stamp, [row])
            if number == 0 and with_alarm:
                recorder.attach(_alarm(AlarmType.NEW, stamp))
            time.sleep(1 / options.fps)
        if with_alarm:
            recorder.attach(_alarm(AlarmType.END, stamp))
        recorder.close()
        ended = time.process_time(), time.monotonic()
    return ended[0] - began[0], ended[1] - began[1], recorder.counts().frames_lost


def _alarm(kind: AlarmType, stamp: int) -> Alarm:
    return Alarm(kind, 'one', 'rule', Severity.ALERT, '', stamp, BEGIN, stamp)


if __name__ == '__main__':
    main()
