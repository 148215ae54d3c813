"""Give tests of alarms a small disk, and servers that take what is sent."""

import shutil
import subprocess
import threading

import pytest
from alarm_servers import Broker, Receiver


@pytest.fixture
def small_disk(tmp_path):
    """Mount small disks, which only root may; skip where it is not to be had."""
    mounted = []

    def mount(size):
        folder = tmp_path / f'disk{len(mounted)}'
        folder.mkdir()
        command = ['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f'a small disk cannot be mounted: {done.stderr.strip()}')
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(['umount', '-l', str(folder)], check=True)


@pytest.fixture
def broker(tmp_path):
    """Return a broker that is not started yet; skip where mosquitto is not installed."""
    program = shutil.which('mosquitto') or shutil.which('mosquitto', path='/usr/sbin')
    if program is None:
        pytest.skip('no mosquitto; install it: apt install mosquitto')
    folder = tmp_path / 'broker'
    folder.mkdir()
    made = Broker(program, folder)
    yield made
    made.stop()


@pytest.fixture
def receiver():
    """Return an HTTP server that takes posts."""
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
