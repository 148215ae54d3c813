"""Check what set-up says on machines that lack something, without installing anything."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ('awk', 'bash', 'cat', 'df', 'dirname', 'flock', 'mkdir', 'sed', 'sha256sum', 'sort')
TOOLS += ('tail', 'tr', 'uname', 'chmod', 'env')


class Machine:
    """A machine with only the given programs, and a copy of the scripts."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.programs = folder, folder / 'bin'
        self.programs.mkdir()
        (folder / 'scripts').mkdir()
        for name in ('bootstrap.sh', 'place.bash', 'environment.bash'):
            shutil.copy(ROOT / 'scripts' / name, folder / 'scripts' / name)
        for name in TOOLS:
            (self.programs / name).symlink_to(shutil.which(name) or name)
        for name in ('c++', 'cmake'):
            self.give(name, 'exit 0')
        self.give('python3', PYTHON)

    def give(self, name: str, script: str) -> None:
        """Install a program."""
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(f'#!{shutil.which("bash")}\n{script}\n')
        path.chmod(0o755)

    def set_up(self, **environment: str) -> tuple[int, str]:
        """Run bootstrap.sh; return its exit code and what it said."""
        done = subprocess.run(
            [shutil.which('bash') or 'bash', self.folder / 'scripts' / 'bootstrap.sh'],
            env={'PATH': str(self.programs), 'HOME': str(self.folder), **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout + done.stderr

    @property
    def calls(self) -> list[str]:
        """The calls of Python, pip and uv, without the folder's path."""
        log = self.folder / 'calls'
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.replace(str(self.folder), '') for line in lines]


# A Python 3.12, whose environments hold a pip and, where UV allows it, a uv that brings a 3.11.
PYTHON = """
if [ "$1" = -c ]; then case "$2" in *"'3.12'"*) exit 0 ;; *) exit 1 ;; esac; fi
echo "python3 $*" >>"$HOME/calls"
mkdir -p "$3/bin"
cat >"$3/bin/pip" <<'PIP'
#!/usr/bin/env bash
echo "pip $*" >>"$HOME/calls"
[ -n "${UV:-}" ]
PIP
cat >"$3/bin/uv" <<'BRING'
#!/usr/bin/env bash
echo "uv $* in $UV_PYTHON_INSTALL_DIR" >>"$HOME/calls"
[ "$2" = find ] && echo "$HOME/bin/brought"
[ "$UV" = works ] || { echo "dns error" >&2; exit 2; }
BRING
chmod +x "$3/bin/pip" "$3/bin/uv"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Give a machine with a compiler, CMake and Python 3.12."""
    return Machine(tmp_path)


def test_everything_that_is_lacking_is_said_before_anything_is_installed(machine: Machine) -> None:
    (machine.programs / 'c++').unlink()
    (machine.programs / 'cmake').unlink()
    machine.give('df', 'echo; echo disk 9 9 3145728 9 /')
    machine.give('uname', 'echo aarch64')
    code, said = machine.set_up()
    assert code == 1
    assert 'nothing was installed' in said
    for word in ('C++ compiler', 'CMake', '9 GB are needed', '3 GB are free', 'this is aarch64'):
        assert word in said
    assert machine.calls == []


def test_a_python_is_brought_where_none_fits(machine: Machine) -> None:
    machine.give('brought', 'echo "brought $*" >>"$HOME/calls"; exit 1')
    code, said = machine.set_up(UV='works')
    assert code == 1  # the environment that this Python should make
    assert 'bringing 3.11 with uv' in said
    assert machine.calls == [
        'python3 -m venv /.env/jazzy/uv',
        'pip install -q uv',
        'uv python install --no-bin 3.11 in /.env/jazzy/python',
        'uv python find --managed-python 3.11 in /.env/jazzy/python',
        'brought -m venv /.env/jazzy/venv',
    ]


@pytest.mark.parametrize('uv', ['', 'fails'])
def test_it_says_what_to_do_where_no_python_can_be_had(machine: Machine, uv: str) -> None:
    code, said = machine.set_up(UV=uv)
    assert code == 1
    assert 'could not be brought by uv' in said
    assert 'Install Python 3.11 (and python3-venv), or source a ROS 2' in said
    assert ('dns error' in said) == (uv == 'fails')


def test_kilted_takes_the_python_that_is_there(machine: Machine) -> None:
    code, said = machine.set_up(DISTRO='kilted')
    assert code == 1  # pip installs nothing here
    assert 'bringing' not in said
    assert machine.calls[0] == 'python3 -m venv /.env/kilted/venv'
    assert machine.calls[1].startswith('pip install -q ros-kilted-rclpy')
