"""Play a recording through ROS into the node; print events and an alarm, leave bag and videos."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from actloc_ros.alarms.alarm import Alarm, AlarmType
from actloc_ros.alarms.evidence import EvidenceRecorder
from actloc_ros.alarms.text import alarm_line
from actloc_ros.cli.draw import draw_video
from actloc_ros.frames import NANOSECONDS
from actloc_ros.io.bags import DetectionWriter, read_detections
from actloc_ros.io.drawing import message_rows
from actloc_ros.io.event_text import event_line
from actloc_ros.io.source import DEFAULT_RATE, Source
from actloc_ros.io.source_bag import COMPRESSED_IMAGE, BagSource
from actloc_ros.io.sources import open_source
from actloc_ros.messages import stamp_of
from actloc_ros.ros.common.signals import stop_event
from actloc_ros.ros.recorder import Recorder
from actloc_ros.rules.engine import RuleEngine
from actloc_ros.rules.file.outcomes import evidence_options
from actloc_ros.rules.file.rules_file import read_rules
from actloc_ros.rules.scene import scene_of

RULES = Path(__file__).resolve().parents[1] / 'config' / 'demo_rules.yaml'
NAMESPACE = '/demo'
SAMPLE_SECONDS = '20'
START_TIME = 60.0  # s that the processes have to find each other
MATCHING = 0.5  # s that the node has to find the recorder after that found it
SILENCE = 20.0  # s without a message after which the demonstration fails
DRAIN = 5.0  # s that the node has to finish after the last frame
EVIDENCE_TIME = 60.0  # s that clips may take
STOP_TIME = 5.0  # s that a process has to stop


class DemoError(RuntimeError):
    """The demonstration failed; the text says why."""


def main() -> int:
    """Run the demonstration and return its exit code."""
    options = _parse()
    _interrupt_at_once()
    try:
        _run(options)
    except KeyboardInterrupt:
        print('\nstopped')
        return 130
    except (DemoError, ValueError, OSError, subprocess.CalledProcessError) as error:
        print(f'demo: error: {error}', file=sys.stderr)
        return 1
    return 0


def _interrupt_at_once() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--input', type=Path, help='a video, a folder of images or a bag')
    parser.add_argument('--topic', help='image topic, where a bag has several')
    parser.add_argument('--out', type=Path, default=Path('demo_out'), help='default: demo_out')
    parser.add_argument('--model', default='pose_n', help='default: pose_n')
    parser.add_argument('--weights', default='', help="the model's checkpoint")
    return parser.parse_args()


def _run(options: argparse.Namespace) -> None:
    # Player, recorder and node share the cores: PyTorch's threads would wait for each other.
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    options.out.mkdir(parents=True, exist_ok=True)
    recording = options.input or _sample(options.out)
    source = open_source(recording, options.topic)
    bag, video = options.out / 'detections', options.out / 'annotated.mp4'
    shutil.rmtree(bag, ignore_errors=True)
    epoch = 0 if isinstance(source, BagSource) else int(time.time())
    print(f'[demo] playing {recording} into the node, with its own timing', flush=True)
    recorder = _localize(source, bag, epoch, options)
    _interrupt_at_once()
    if not recorder.messages:
        raise DemoError('the node published nothing')
    print(
        f'[demo] {recorder.messages} messages for {source.length or "all"} frames, '
        f'{recorder.detections} detections; drawing the video',
        flush=True,
    )
    rate = source.rate or DEFAULT_RATE
    draw_video(source, read_detections(bag), video, rate, epoch * NANOSECONDS)
    _apply_rules(source, bag, epoch * NANOSECONDS, options.out / 'alarms')
    print(f'annotated video: {video}\nbag of detections: {bag}')
    if not recorder.detections:
        raise DemoError(f'nothing was detected in {recording}')


def _apply_rules(source: Source, bag: Path, epoch: int, folder: Path) -> None:
    """Print the first alarm that the rules make of the detections, the rule and the clip.

    Args:
        source: The recording.
        bag: The detections.
        epoch: Time in ns by which the stamps of the detections are later than the recording's.
        folder: Where clips and snapshots of all alarms are left.
    """
    rules = read_rules(RULES).rules
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as stack:
        recorder = EvidenceRecorder(folder, evidence_options(rules, lossless=True))
        stack.callback(recorder.close, EVIDENCE_TIME)
        alarms = list(_alarms(source, bag, epoch, RuleEngine(rules), recorder))
    if not alarms:
        print(f'[demo] no alarm by the rules in {RULES}', flush=True)
        return
    first = alarms[0]
    clip = folder / first.evidence.clip_boxes
    if not clip.is_file():
        raise DemoError(f'the alarm has no clip in {folder}')
    line = next(row for row in RULES.read_text().splitlines() if row.strip().startswith(first.rule))
    print(
        f'[demo] the first of {len(alarms)} alarms, its rule in {RULES}, and its clip:\n'
        f'{alarm_line(first, _first_stamp(source) + epoch)}\n{line}\n{clip}',
        flush=True,
    )


def _alarms(
    source: Source, bag: Path, epoch: int, engine: RuleEngine, recorder: EvidenceRecorder
) -> Iterator[Alarm]:
    """Yield the first step of each alarm, with the names of its files."""
    messages: dict[int, Any] = {}
    for message in read_detections(bag):  # a later one of a stamp only ends what was open
        messages.setdefault(stamp_of(message.header.stamp), message)
    for frame in source:
        recorder.add_frame(replace(frame, stamp=frame.stamp + epoch))
        message = messages.get(frame.stamp + epoch)
        if message is None:
            continue
        scene = scene_of(message)
        recorder.add_rows(scene.camera, scene.stamp, message_rows(message, frame.image))
        for alarm in map(recorder.attach, engine.step(scene)):
            if alarm.type is AlarmType.NEW:
                yield alarm
    for alarm in engine.end_all():
        recorder.attach(alarm)


def _sample(folder: Path) -> Path:
    """Render the sample unless it is there."""
    path = folder / 'sample.mp4'
    if not path.exists():
        print(f'[demo] rendering a sample of {SAMPLE_SECONDS} s (about half a minute)', flush=True)
        with TemporaryDirectory(dir=folder) as part:  # a sample that is there is whole
            made = Path(part) / path.name
            command = ['actloc', 'synth', str(made), '--seconds', SAMPLE_SECONDS]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            made.with_suffix('.json').rename(path.with_suffix('.json'))
            made.rename(path)
    return path


def _localize(source: Source, bag: Path, epoch: int, options: argparse.Namespace) -> Recorder:
    """Play the source into the node and record what it publishes."""
    stop = stop_event()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = Node('recorder', namespace=NAMESPACE)
    spinner = Spinner(node, stop)
    localizer = f'{NAMESPACE}/action_localizer'
    zero = _first_stamp(source) + epoch * NANOSECONDS
    try:
        with (
            DetectionWriter(bag) as writer,
            _process(_node_command(source, options)) as localizing,
        ):
            recorder = Recorder(
                node, writer, localizer, lambda event: print(event_line(event, zero), flush=True)
            )
            _await(spinner, localizer, localizing)
            with _process(_play_command(source, epoch)) as playing:
                _follow(spinner, recorder, localizing, playing)
            localizing.send_signal(signal.SIGINT)  # what is still open ends, and is published
            spinner.spin(STOP_TIME, until=lambda: localizing.poll() is not None)
            spinner.spin(0.5)
            return recorder
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def _first_stamp(source: Source) -> int:
    return next(iter(source)).stamp


def _node_command(source: Source, options: argparse.Namespace) -> list[str]:
    compressed = isinstance(source, BagSource) and source.type == COMPRESSED_IMAGE
    parameters = {
        'model': options.model,
        'weights': options.weights or "''",
        'transport': 'compressed' if compressed else 'raw',
    }
    given = [word for name, value in parameters.items() for word in ('-p', f'{name}:={value}')]
    return ['action_localizer', '--ros-args', '-r', f'__ns:={NAMESPACE}', *given]


def _play_command(source: Source, epoch: int) -> list[str]:
    command = ['play', str(source.path), '--wait', '1']
    if isinstance(source, BagSource):
        command += ['--topic', source.topic]
    else:
        command += ['--epoch', str(epoch)]
    return [*command, '--ros-args', '-r', f'__ns:={NAMESPACE}', '--log-level', 'warn']


@contextmanager
def _process(command: Sequence[str]) -> Iterator[subprocess.Popen]:
    """Run a process that is stopped at the end, however that comes."""
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIME)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Spinner:
    """Spins a node; an interrupt, which sets `stop`, ends that between two callbacks.

    Within one, rclpy may take it for a message that cannot be read.
    """

    def __init__(self, node: Node, stop: Event) -> None:
        self.node, self._stop = node, stop

    def spin(self, duration: float, until: Callable[[], bool] = lambda: False) -> None:
        """Spin for so many seconds, or until something is true.

        Raises:
            KeyboardInterrupt: The demonstration is to end.
        """
        end = time.monotonic() + duration
        while time.monotonic() < end and not until():
            rclpy.spin_once(self.node, timeout_sec=0.05)
            if self._stop.is_set():
                raise KeyboardInterrupt


def _await(spinner: Spinner, localizer: str, localizing: subprocess.Popen) -> None:
    """Wait until the recorder has found the node, or its first messages would be lost."""
    topics = [f'{localizer}/{name}' for name in ('detections', 'events')]
    deadline = time.monotonic() + START_TIME
    while not all(spinner.node.count_publishers(topic) for topic in topics):
        _check_running(localizing)
        if time.monotonic() > deadline:
            raise DemoError(f'the node was not found within {START_TIME:.0f} s')
        spinner.spin(0.1)
    spinner.spin(MATCHING)


def _check_running(localizing: subprocess.Popen) -> None:
    if localizing.poll() is not None:
        raise DemoError(f'the node ended with exit code {localizing.returncode}')


def _follow(
    spinner: Spinner, recorder: Recorder, localizing: subprocess.Popen, playing: subprocess.Popen
) -> None:
    """Spin until all is played and localized.

    Raises:
        DemoError: No detections come for `SILENCE`, or a process fails.
    """
    changed, count = time.monotonic() + START_TIME, 0
    while playing.poll() is None:
        spinner.spin(0.1)
        _check_running(localizing)
        if recorder.messages > count:
            changed, count = time.monotonic(), recorder.messages
        if time.monotonic() - changed > SILENCE:
            raise DemoError(f'no detections came for {SILENCE:.0f} s')
    if playing.returncode:
        raise DemoError(f'the player ended with exit code {playing.returncode}')
    _drain(spinner, recorder)


def _drain(spinner: Spinner, recorder: Recorder) -> None:
    """Spin until no further message comes."""
    deadline, count = time.monotonic() + DRAIN, -1
    while time.monotonic() < deadline and recorder.messages > count:
        count = recorder.messages
        spinner.spin(1.0)


if __name__ == '__main__':
    sys.exit(main())
