"""Share what the tests need: the data's place, and a ROS domain of their own."""

import os
from pathlib import Path

import pytest

# Tests talk to their own nodes alone, also where another robot or test run shares the network. Each
# process of one run has its own domain: it inherits that of the process that started it.
if 'PYTEST_XDIST_WORKER' in os.environ:
    os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
else:
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
if os.environ.get('ROS_DISTRO') == 'humble':
    os.environ.setdefault('ROS_LOCALHOST_ONLY', '1')


@pytest.fixture(scope='session')
def shared() -> Path:
    """Return the folder with recordings and reference numbers; skip where it is absent."""
    root = Path(__file__).resolve().parent.parent
    path = (root / os.environ.get('ACTLOC_SHARED', '../shared')).resolve()
    if not path.is_dir():
        pytest.skip(f'no shared data at {path}; set ACTLOC_SHARED to where it is')
    return path
