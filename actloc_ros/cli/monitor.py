"""Apply rules to a recording, or to a bag of detections, and print alarms."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

import cv2
from tqdm import tqdm

from actloc_ros.alarms.alarm import Alarm, AlarmSink
from actloc_ros.alarms.evidence import EvidenceRecorder
from actloc_ros.alarms.notify import Notifier
from actloc_ros.alarms.text import JournalSink, JsonSink, LineSink
from actloc_ros.cli.support.monitor_source import Material, open_boxes, open_material
from actloc_ros.cli.support.stopping import whole
from actloc_ros.files import OutputError, refuse_input, write_whole
from actloc_ros.io.drawing import message_rows
from actloc_ros.io.source import DEFAULT_RATE
from actloc_ros.io.stream.address import is_stream
from actloc_ros.rules.counts import CountFile, CountSink
from actloc_ros.rules.draw import draw_areas
from actloc_ros.rules.engine import RuleEngine
from actloc_ros.rules.file.names import world_faults
from actloc_ros.rules.file.outcomes import channels, evidence_options, routes
from actloc_ros.rules.file.rules_file import RulesFile, read_rules

CHECKED, OUTBOX = 'zones{}.png', 'outbox.sqlite'
EVIDENCE_TIME = 60.0  # s that clips may take when a recording has ended


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'monitor',
        help='apply rules to a recording, and print alarms',
        description='Apply a rules file to a recording, in which actions are localized first, or '
        'to a bag of detections. Print a line for each alarm when it begins.',
    )
    parser.add_argument('source', help='a video, a folder of images, a bag, or one of detections')
    parser.add_argument('--rules', required=True, metavar='FILE', help='see doc/rules.md')
    parser.add_argument(
        '--out',
        metavar='FOLDER',
        help='where alarms.jsonl is written, and of a recording clips and snapshots',
    )
    parser.add_argument(
        '--counts',
        metavar='FILE',
        help='a CSV to write: for each minute, zone and line, who came, left and was there',
    )
    parser.add_argument(
        '--notify',
        action='store_true',
        help='notify on the channels of the rules file; what waits to be sent is kept in --out',
    )
    parser.add_argument(
        '--json', action='store_true', help='print an object for each step of an alarm'
    )
    parser.add_argument(
        '--check',
        action='store_true',
        help='only check the rules file, and draw its zones and lines over a frame as zones.png, '
        'in --out or here',
    )
    parser.add_argument(
        '--boxes',
        metavar='FILE',
        help='boxes of vehicles: a CSV as of MOT, by frame of the recording; or, of a bag, a topic '
        'of vision_msgs/Detection2DArray',
    )
    parser.add_argument(
        '--boxes-kind', default='car', metavar='KIND', help='of boxes without one (%(default)s)'
    )
    parser.add_argument('--model', help='the localizer (default: pose_n)')
    parser.add_argument('--weights', help="its checkpoint (default: the model's own)")
    parser.add_argument('--device', help='cpu, cuda, cuda:N or auto (default)')
    parser.add_argument('--params', metavar='FILE', help='parameter file of the localizer')
    parser.add_argument('--topic', help='image topic or detections topic, of a bag with several')
    parser.add_argument('--camera', default='', help="the camera's name in the rules file")
    parser.add_argument(
        '--rate',
        type=float,
        default=DEFAULT_RATE,
        metavar='HZ',
        help='rate of a folder of images (default: %(default)s)',
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Apply the rules, and print alarms; a summary goes to the error output."""
    rules = read_rules(arguments.rules)
    with ExitStack() as stack:
        material = open_material(arguments, stack)
        rules.refuse(world_faults(rules.rules, material.world))
        if arguments.check:
            return _check(arguments, rules, material)
        _monitor(arguments, rules, material)
    return 0


def _monitor(arguments: argparse.Namespace, rules: RulesFile, material: Material) -> None:
    boxes = open_boxes(arguments)
    stamps: list[int] = []
    with ExitStack() as stack:
        progress = stack.enter_context(tqdm(total=material.length, unit='frame', disable=None))
        sinks = _open_sinks(arguments, rules, stack)
        recorder = _open_recorder(arguments, rules, material, stack)
        engine = RuleEngine(rules.rules, counted=_open_counts(arguments, stack))
        lines = LineSink(_writer(progress))
        shown = JsonSink(_writer(progress)) if arguments.json else lines
        try:
            for index, moment in enumerate(material.scenes()):
                scene = moment.scene
                if not stamps:
                    lines.zero, stamps = scene.stamp, [scene.stamp, scene.stamp]
                stamps[1] = scene.stamp
                if boxes is not None:
                    scene = scene.with_actors(boxes.actors(index, scene.stamp))
                if recorder is not None and moment.frame is not None:
                    recorder.add_frame(moment.frame)
                    rows = message_rows(moment.message, moment.frame.image)
                    recorder.add_rows(scene.camera, scene.stamp, rows)
                with whole():
                    _give(engine.step(scene), [shown, *sinks], recorder)
                progress.update()
        finally:  # also where the recording breaks off, or the user ends it
            with whole():
                _give(engine.end_all(), [shown, *sinks], recorder)
    _summarize(engine, stamps)


def _writer(progress: tqdm) -> Callable[[str], None]:
    """Return what writes a line beside the progress, so that whoever reads it knows at once."""

    def write(line: str) -> None:
        progress.write(line)
        sys.stdout.flush()

    return write


def _open_sinks(
    arguments: argparse.Namespace, rules: RulesFile, stack: ExitStack
) -> list[AlarmSink]:
    """Open what takes alarms beside the output."""
    if not arguments.out:
        if arguments.notify:
            raise ValueError('--notify needs --out, where what waits to be sent is kept')
        return []
    sinks: list[AlarmSink] = [JournalSink(Path(arguments.out))]
    if arguments.notify:
        outbox = Path(arguments.out) / OUTBOX
        sinks.append(
            Notifier(
                channels(rules.rules), routes(rules.rules), outbox, arguments.out, on_fault=_warn
            )
        )
    for sink in sinks:
        stack.callback(sink.close)
    return sinks


def _open_counts(arguments: argparse.Namespace, stack: ExitStack) -> CountSink | None:
    """Open the table of counts, if it is asked for."""
    if not arguments.counts:
        return None
    file = CountFile(Path(arguments.counts))
    stack.callback(file.close)
    return file.write


def _open_recorder(
    arguments: argparse.Namespace, rules: RulesFile, material: Material, stack: ExitStack
) -> EvidenceRecorder | None:
    """Open what writes clips, where there are images and a folder."""
    if not arguments.out or not material.frames:
        return None
    options = evidence_options(rules.rules, lossless=not is_stream(arguments.source))
    recorder = EvidenceRecorder(arguments.out, options, on_fault=_warn)
    stack.callback(recorder.close, EVIDENCE_TIME)
    return recorder


def _warn(text: str) -> None:
    print(f'actloc: warning: {text}', file=sys.stderr)


def _give(
    alarms: Iterable[Alarm], sinks: Iterable[AlarmSink], recorder: EvidenceRecorder | None
) -> None:
    for alarm in alarms:
        named = alarm if recorder is None else recorder.attach(alarm)
        for sink in sinks:
            sink.take(named)


def _summarize(engine: RuleEngine, stamps: list[int]) -> None:
    lasted = (stamps[1] - stamps[0]) / 1e9 if stamps else 0.0
    print(f'{engine.issued} alarms in {lasted:.1f} s', file=sys.stderr)
    if engine.suppressed:
        print(
            f'actloc: warning: {engine.suppressed} alarms were left out, since too many began '
            'within a minute',
            file=sys.stderr,
        )
    if engine.poses_elsewhere:
        frames = ', '.join(sorted(set(engine.frames().values())))
        print(
            f'actloc: warning: {engine.poses_elsewhere} poses are not in the frame {frames} of the '
            "rules and were not used; set the localizer's target_frame to it",
            file=sys.stderr,
        )
    for what, counts in (('dropped', engine.dropped), ('restarts', engine.restarts)):
        if sum(counts.values()):
            text = (
                'key frames were left out, since their stamps do not rise'
                if what == 'dropped'
                else 'times all was forgotten, since stamps jump'
            )
            print(f'actloc: warning: {sum(counts.values())} {text}', file=sys.stderr)


def _check(arguments: argparse.Namespace, rules: RulesFile, material: Material) -> int:
    """Draw the zones of each camera into a PNG, and print where it is."""
    folder = Path(arguments.out or '.')
    folder.mkdir(parents=True, exist_ok=True)
    for camera in material.world.cameras or ():
        name = CHECKED.format(f'_{camera.strip("/").replace("/", "_")}' if camera else '')
        refuse_input(folder / name, arguments.source, arguments.rules)
        image = draw_areas(material.picture(camera), rules.rules, camera)
        with write_whole(folder / name) as partial:
            if not cv2.imwrite(str(partial), image[..., ::-1]):
                raise OutputError(f'{folder / name} cannot be written')
        print(folder / name)
    return 0
