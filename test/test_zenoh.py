"""Zenoh itself reads the profile for images, refuses misspelt ones, and carries 720p by it."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

zenoh = pytest.importorskip('zenoh')

PROFILE = Path(__file__).parents[1] / 'config' / 'zenoh.json5'
IMAGE = bytes(1280 * 720 * 3)
COUNT, PATIENCE = 30, 30.0


def profile_at(port):
    """Return the profile's text for a router at another port than everybody's."""
    text = PROFILE.read_text()
    assert text.count('localhost:7447') == 1
    return text.replace('localhost:7447', f'localhost:{port}')


def free_port():
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


@pytest.mark.parametrize('name', ['shared_memory', 'gossip', 'timestamping'])
def test_every_name_is_zenohs_own(name):
    text = PROFILE.read_text()
    zenoh.Config.from_json5(text)
    with pytest.raises(zenoh.ZError):
        zenoh.Config.from_json5(text.replace(f'{name}:', f'{name}x:'))


def test_shared_memory_is_on():
    config = zenoh.Config.from_file(str(PROFILE))
    assert '"enabled":true' in config.get_json('transport/shared_memory').replace(' ', '')


def test_large_images_come_through_with_times():
    port, received = free_port(), []
    router = (
        f'{{mode: "router", listen: {{endpoints: ["tcp/localhost:{port}"]}},'
        ' scouting: {multicast: {enabled: false}}}'
    )
    with ExitStack() as stack:
        texts = router, profile_at(port), profile_at(port)
        _, camera, node = (
            stack.enter_context(zenoh.open(zenoh.Config.from_json5(text))) for text in texts
        )
        node.declare_subscriber('image', received.append)
        publisher = camera.declare_publisher(
            'image', congestion_control=zenoh.CongestionControl.BLOCK
        )
        deadline = time.monotonic() + PATIENCE
        while not publisher.matching_status.matching:
            assert time.monotonic() < deadline, 'the two sessions did not find each other'
            time.sleep(0.05)
        for _ in range(COUNT):
            publisher.put(IMAGE)
        while len(received) < COUNT and time.monotonic() < deadline:
            time.sleep(0.05)
    assert [len(sample.payload.to_bytes()) for sample in received] == [len(IMAGE)] * COUNT
    assert all(sample.timestamp is not None for sample in received)
