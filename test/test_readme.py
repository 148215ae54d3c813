"""Run what the README tells its readers to run, and check what it names."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actloc_ros.models.detectors.torchvision_detectors import detector_names
from actloc_ros.models.registry import entries

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / 'README.md').read_text()
DOCUMENTS = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'doc').glob('*.md'))]


def blocks(kind: str) -> list[str]:
    return re.findall(rf'^```{kind}\n(.*?)^```', README, re.M | re.S)


@pytest.fixture(scope='module')
def workplace(tmp_path_factory) -> Path:
    """Return the folder in which all commands run, one after the other."""
    return tmp_path_factory.mktemp('readme')


def commands() -> list[str]:
    return [line for block in blocks('bash') for line in block.strip().splitlines()]


@pytest.mark.timeout(300)
@pytest.mark.parametrize('command', commands())
def test_command_runs(command, workplace):
    done = subprocess.run(
        ['bash', '-c', command], cwd=workplace, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, f'{command}\n{done.stdout}\n{done.stderr}'
    for made in re.findall(r'--(?:out|video) (\S+)', command):
        assert (workplace / made).exists(), command


def test_planner_example_hears_of_a_walking_person(workplace):
    """Run the README's planner against the real node on a recording with someone who walks."""
    [example] = blocks('python')
    program = workplace / 'planner.py'
    program.write_text(example)
    environment = os.environ | {'PYTHONUNBUFFERED': '1'}
    recording = workplace / 'walk.mp4'
    subprocess.run(
        ['actloc', 'synth', recording, '--seed', '5', '--seconds', '10'], check=True, timeout=100
    )
    run = {'cwd': workplace, 'env': environment, 'text': True, 'stdout': subprocess.PIPE}
    planner = subprocess.Popen(
        [sys.executable, program], stderr=subprocess.STDOUT, bufsize=1, **run
    )
    node = subprocess.Popen(
        ['action_localizer', '--ros-args', '-p', 'process_all:=true'],
        stderr=subprocess.DEVNULL,
        **run,
    )
    try:
        subprocess.run(
            ['play', recording, '--wait', '1', '--rate', '2'], check=True, timeout=90, cwd=workplace
        )
        time.sleep(5)
    finally:
        node.terminate()
        node.wait(20)
        time.sleep(0.5)
        planner.kill()  # what it heard is out; how rclpy ends it is no matter of the example
        output, _ = planner.communicate(timeout=20)
    assert re.search(r'track \d+ of ".*" begins to walk', output), output


def test_every_linked_file_exists():
    for document in DOCUMENTS:
        for target in re.findall(r'\]\((?!http)([^)#]+)\)', document.read_text()):
            assert (document.parent / target).exists(), f'{document.name}: {target}'


def test_launch_arguments_and_executables_exist():
    launch = (ROOT / 'launch' / 'actloc.launch.py').read_text()
    for name in re.findall(
        r'(\w+):=', '\n'.join(re.findall(r'^ros2 launch.*actloc\.launch.*$', README, re.M))
    ):
        assert f"'{name}'" in launch, name
    for name in re.findall(r'ros2 run actloc_ros (\w+)', README):
        assert (ROOT / 'scripts' / name).exists()


def test_parameters_exist():
    parameters = (ROOT / 'config' / 'actloc.yaml').read_text()
    rows = re.findall(
        r'^\| (`[^|]+`) \|[^|]*\|[^|]*\|$', README[README.index('### Parameters') :], re.M
    )
    assert len(rows) > 8
    for row in rows:
        for name in re.findall(r'`([\w.]+)`', row):
            assert re.search(rf'^\s+{name.rpartition(".")[2]}:', parameters, re.M), name


def test_models_exist():
    known = {
        'pose_n',
        'sound',
        'motion',
        'hog_hof',
        'hog-hof',
        'hog',
        *entries(),
        *detector_names(),
    }
    named = re.findall(r'(?:download |--model |model:=)([a-z0-9_+-]+)', README)
    assert len(named) > 5
    for name in named:
        assert known.issuperset(name.split('+')), name


def test_message_fields_exist():
    definitions = '\n'.join(path.read_text() for path in (ROOT / 'msg').glob('*.msg'))
    table = README[README.index('### Messages') : README.index('### A planner')]
    first_column = '\n'.join(re.findall(r'^\| (`[^|]+)\|', table, re.M))
    for name in re.findall(r'`([a-z_]+)(?:\[\])?`', first_column):
        assert re.search(rf'^\S+ +{name}\b', definitions, re.M), name
