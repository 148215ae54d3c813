"""Test the command line: that it is quick to help, runs a recording, and says what is wrong."""

import importlib
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from numbered import remux, write_images, write_numbered
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from sound_files import beeps, write_loudness_classifier, write_media, write_sound_bag
from stream_servers import mjpeg_server

from actloc_ros.cli.main import COMMANDS, main
from actloc_ros.instances import InstanceState
from actloc_ros.io.bags import read_detections
from actloc_ros.io.sources import open_source
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.messages import header_message
from actloc_ros.synth import render

RATE = 12.0
ACTLOC = shutil.which('actloc')


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp('cli') / 'a.mp4'
    with VideoWriter(path, RATE) as writer:
        for frame in render(3, 1.5, (320, 240), RATE):
            writer.write(frame.stamp, frame.image)
    return path


def states(bag):
    return {d.state for message in read_detections(bag) for d in message.detections}


@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_has_help(name, capsys):
    importlib.import_module(f'actloc_ros.cli.{name.replace("-", "_")}')
    with pytest.raises(SystemExit) as stopped:
        main([name, '--help'])
    assert stopped.value.code == 0
    assert f'usage: actloc {name}' in capsys.readouterr().out


def test_help_lists_all_commands_and_loads_none():
    code = (
        'import sys\n'
        'from actloc_ros.cli.main import main\n'
        'try: main(["--help"])\n'
        'finally: print(sorted({"torch", "cv2", "av", "rosbags"} & set(sys.modules)))'
    )
    said = subprocess.run(
        [sys.executable, '-c', code], check=True, capture_output=True, text=True, timeout=30
    ).stdout
    assert all(re.search(rf'^    {name}\s', said, re.MULTILINE) for name in COMMANDS)
    assert said.splitlines()[-1] == '[]'


def test_run_writes_a_bag_and_a_video_of_every_frame(tmp_path, video, capsys):
    bag, drawn = tmp_path / 'bag', tmp_path / 'drawn.mp4'
    assert main(['run', str(video), '--out', str(bag), '--video', str(drawn)]) == 0
    said = capsys.readouterr().out
    assert '18 frames in' in said
    assert said.splitlines()[-2:] == [str(bag), str(drawn)]
    assert 'track' in said
    assert states(bag) >= {InstanceState.STARTED, InstanceState.ENDED}
    originals, frames = list(open_source(video)), list(open_source(drawn))
    assert [f.stamp for f in frames] == pytest.approx([f.stamp for f in originals], abs=20_000)
    assert any(
        np.abs(a.image.astype(int) - b.image).max() > 100
        for a, b in zip(frames, originals, strict=True)
    )


def test_run_takes_parameters_and_the_command_line_wins(tmp_path, video):
    params = tmp_path / 'params.yaml'
    text = '/**: {ros__parameters: {model: none, instances: {start_score: 1.0, end_score: 1.0}}}'
    params.write_text(text)
    bag = tmp_path / 'bag'
    command = ['run', str(video), '--out', str(bag), '--params', str(params)]
    assert main(command) == 2
    assert main([*command[:2], '--model', 'motion', *command[2:]]) == 0
    assert states(bag) == {InstanceState.UNKNOWN}


@pytest.mark.parametrize(
    ('arguments', 'fault'),
    [
        (['absent.mp4'], 'absent.mp4 does not exist'),
        (['VIDEO', '--model', 'nonsense'], 'there is no model "nonsense"'),
        (['VIDEO', '--device', 'tpu'], 'device is "tpu"'),
        (['VIDEO', '--params', 'absent.yaml'], 'absent.yaml'),
        (['VIDEO', '--out', 'FOLDER'], 'exists already'),
        (['FOLDER'], 'holds neither images'),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments, fault, video, tmp_path, capsys):
    places = {'VIDEO': str(video), 'FOLDER': str(tmp_path)}
    assert main(['run', *(places.get(word, word) for word in arguments)]) == 2
    said = capsys.readouterr().err
    assert said.startswith('actloc: error: ')
    assert fault in said
    assert said.count('\n') == 1


def test_unused_bag_is_not_left_behind_when_nothing_runs(video, tmp_path):
    bag = tmp_path / 'bag'
    assert main(['run', str(video), '--out', str(bag), '--model', 'nonsense']) == 2
    assert not bag.exists()


def test_output_that_nobody_reads_any_more_ends_quietly():
    command = f'{shlex.quote(ACTLOC)} models | head -1; echo "exit ${{PIPESTATUS[0]}}"'
    done = subprocess.run(['bash', '-c', command], capture_output=True, text=True, timeout=100)
    assert done.stderr == ''
    assert len(done.stdout.splitlines()) == 2
    assert done.stdout.splitlines()[-1] in ('exit 0', 'exit 141')


@pytest.mark.parametrize('words', [['models'], ['--help'], ['dataset', 'split', '--help']])
def test_a_closed_pipe_is_no_error(words):
    command = [
        sys.executable,
        '-c',
        'import sys; from actloc_ros.cli.main import main\n'
        'sys.stdin.read(); sys.exit(main(sys.argv[1:]))',
        *words,
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        process.stdin.close()
        assert process.wait(timeout=100) in (0, 141)
        assert process.stderr.read() == ''


@pytest.mark.parametrize(
    'environment',
    [
        {'LC_ALL': 'C', 'PYTHONUTF8': '0', 'PYTHONCOERCECLOCALE': '0'},
        {'PYTHONIOENCODING': 'ascii'},
        {'PYTHONIOENCODING': 'cp1252'},
    ],
)
def test_a_terminal_that_is_not_utf_8_gets_escapes(environment, tmp_path):
    labels = ['Grüße 👋', 'a\u2026']
    text = {'format': 'actloc-annotations', 'version': 1, 'labels': labels, 'videos': []}
    (tmp_path / 'annotations.json').write_text(json.dumps(text, ensure_ascii=False), 'utf-8')
    for words, code in ((['split', '--help'], 0), (['check', str(tmp_path)], 1)):
        done = subprocess.run(
            [ACTLOC, 'dataset', *words],
            env={**os.environ, **environment},
            capture_output=True,
            timeout=100,
            check=False,
        )
        assert (done.returncode, done.stderr) == (code, b'')
    assert rb'\U0001f44b' in done.stdout


@pytest.mark.parametrize('name', ['a.mp4', 'link.mp4'])
def test_the_recording_is_not_overwritten(video, tmp_path, name, capsys):
    source, bag = tmp_path / 'a.mp4', tmp_path / 'bag'
    shutil.copy(video, source)
    (tmp_path / 'link.mp4').symlink_to(source)
    before, out = source.read_bytes(), str(tmp_path / name)
    assert main(['run', str(source), '--model', 'motion', '--video', out]) == 2
    assert f'{name} is the source' in capsys.readouterr().err
    assert main(['run', str(source), '--model', 'motion', '--out', str(bag)]) == 0
    assert main(['draw', str(source), str(bag), '--out', out]) == 2
    assert f'{name} is the source' in capsys.readouterr().err
    assert source.read_bytes() == before


@pytest.mark.parametrize('name', ['v.xyz', 'v', 'v.png', 'v.webm', 'folder'])
def test_a_run_that_fails_leaves_nothing(video, tmp_path, name, capsys):
    (tmp_path / 'folder').mkdir()
    command = ['run', str(video), '--model', 'motion', '--out', str(tmp_path / 'bag'), '--video']
    assert main([*command, str(tmp_path / name)]) == 2
    assert name in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['folder']


def test_a_full_disk_leaves_nothing_and_the_older_video(video, tmp_path):
    """The limit of a file's size stands for the disk."""
    old, bag = tmp_path / 'v.mp4', tmp_path / 'bag'
    old.write_bytes(b'old')
    for out in (['--out', str(bag)], ['--video', str(old)]):
        command = ['actloc', 'run', str(video), '--model', 'motion', *out]
        ran = subprocess.run(
            command,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == 2
        assert ran.stderr == f'actloc: error: {out[1]} cannot be written: File too large\n'
    assert [path.name for path in tmp_path.iterdir()] == ['v.mp4']
    assert old.read_bytes() == b'old'


def test_what_stamps_cost_is_said(tmp_path, capsys):
    """A publisher that fills no header; a clock that was never set."""
    for name, stamps, warnings in (
        ('zero', [0] * 12, ['11 of 12 images were left out']),
        ('same', [7] * 12, ['11 of 12 images were left out']),
        ('falling', [10 * (12 - k) for k in range(12)], ['all was forgotten 11 times']),
        ('late', [12, 11, 10, *range(13, 22)], ['2 of 12 images were left out']),
        ('early', [k - 12 for k in range(12)], ['12 messages are logged at time 0']),
        ('fine', list(range(12)), []),
    ):
        bag = image_bag(tmp_path / name, [10**8 * stamp for stamp in stamps])
        out = str(tmp_path / f'{name}_out')
        assert main(['run', str(bag), '--model', 'motion', '--out', out]) == 0
        said = capsys.readouterr().err.splitlines()
        assert len(said) == len(warnings)
        assert all(text in line for text, line in zip(warnings, said, strict=True))


def image_bag(path, stamps):
    types = get_typestore(Stores.ROS2_HUMBLE)
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        topic = writer.add_connection('/image', 'sensor_msgs/msg/Image', typestore=types)
        for index, stamp in enumerate(stamps):
            message = types.types['sensor_msgs/msg/Image'](
                header=header_message(types.types.__getitem__, stamp, ''),
                height=48,
                width=64,
                encoding='rgb8',
                is_bigendian=0,
                step=192,
                data=np.zeros(48 * 192, np.uint8),
            )
            data = types.serialize_cdr(message, topic.msgtype)
            writer.write(topic, 10**9 + index, data)
    return path


def test_run_says_what_it_leaves_out_and_why(tmp_path, capsys):
    whole = write_numbered(tmp_path / 'whole.mkv', [100 * i for i in range(8)], 'mpeg4')

    def stall(number, packet):
        packet.pts = packet.dts = number // 2 * 200
        return True

    path = remux(whole, tmp_path / 'stalls.mkv', stall)
    assert main(['run', str(path), '--model', 'motion']) == 0
    said = capsys.readouterr()
    assert '4 frames in' in said.out
    assert '4 of 8 images were left out' in said.err
    folder = write_images(tmp_path / 'images', ['0.png', '1.png', '2.png'])
    (folder / '1.png').write_bytes(b'no image')
    assert main(['run', str(folder), '--model', 'motion']) == 0
    said = capsys.readouterr().out
    assert '2 frames in' in said
    assert '1 broken frames left out' in said
    assert '1.png: data of 8 bytes is no image' in said


def test_run_refuses_a_pipe_at_once(tmp_path, capsys):
    os.mkfifo(tmp_path / 'pipe.mcap')
    assert main(['run', str(tmp_path / 'pipe.mcap'), '--model', 'motion']) == 2
    assert 'cannot be read twice; save it as a file first' in capsys.readouterr().err


def test_a_command_says_which_package_it_lacks():
    program = (
        'import sys; sys.modules["torch"] = None; from actloc_ros.cli.main import main;'
        ' sys.exit(main(["models"]))'
    )
    done = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert 'needs torch, which is not installed' in done.stderr
    assert 'requirements-networks.txt' in done.stderr


def test_run_keeps_what_a_live_stream_gave_until_it_is_gone(tmp_path, capsys):
    with mjpeg_server(most=40) as server:
        server.once = True
        options = ['--model', 'motion', '--patience', '1', '--out', str(tmp_path / 'bag')]
        assert main(['run', server.address, *options]) == 2
        faults = capsys.readouterr().err
    assert 'nothing has come from http://***@127.0.0.1' in faults
    assert 'hunter2' not in faults
    stamps = [message.header.stamp.sec for message in read_detections(tmp_path / 'bag')]
    assert len(stamps) > 3
    assert abs(stamps[-1] - time.time()) < 60


def test_run_hears_a_video_a_bag_and_a_sound_file(tmp_path, capsys):
    weights = write_loudness_classifier(tmp_path / 'loud.onnx')
    sound, dark = beeps(3.0, 1.0), np.zeros((30, 48, 64, 3), np.uint8)
    paths = [
        write_media(tmp_path / 'a.mkv', sound, images=dark),
        write_media(tmp_path / 'a.flac', sound),
        write_sound_bag(tmp_path / 'sound_bag', sound),
    ]
    for number, path in enumerate(paths):
        out = tmp_path / f'out{number}'
        given = ['run', str(path), '--model', 'sound', '--weights', str(weights)]
        assert main([*given, '--out', str(out)]) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if 'beep' in line]
        assert len(lines) == 2
        found = [d for message in read_detections(out) for d in message.detections]
        assert found
        assert all(d.whole_view and d.label in ('', 'beep') for d in found)
        assert list(found[0].bbox) == ([0, 0, 64, 48] if number == 0 else [0, 0, 0, 0])


def test_run_says_where_sound_is_missing(video, tmp_path, capsys):
    weights = str(write_loudness_classifier(tmp_path / 'loud.onnx'))
    assert main(['run', str(video), '--model', 'sound', '--weights', weights]) == 2
    assert 'has no sound that can be decoded' in capsys.readouterr().err
    alone = str(write_media(tmp_path / 'a.flac', beeps(1.0, 0.2)))
    assert main(['run', alone, '--model', 'motion']) == 2
    assert 'no video stream' in capsys.readouterr().err
    given = ['run', alone, '--model', 'sound', '--weights', weights, '--video', 'a.mp4']
    assert main(given) == 2
    assert 'has no pictures' in capsys.readouterr().err
    bag = str(write_sound_bag(tmp_path / 'bag', beeps(1.0, 0.2), info=False))
    given = ['run', bag, '--model', 'sound', '--weights', weights]
    assert main(given) == 2
    assert '--sound-format' in capsys.readouterr().err
    assert main([*given, '--sound-format', 'S16LE,16000,1']) == 0
