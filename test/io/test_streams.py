"""Check live streams against servers on this machine."""

import logging
import socket
import threading
import time
from itertools import islice, pairwise

import pytest
from stream_servers import RATE, Sender, free_port, mjpeg_server, rtsp_python, rtsp_server

from actloc_ros.io.source import SourceError
from actloc_ros.io.sources import open_source
from actloc_ros.io.stream import source as source_stream
from actloc_ros.io.stream.address import is_stream, masked
from actloc_ros.io.stream.clock import StreamClock

SECOND = 1_000_000_000


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(source_stream, 'FIRST_DELAY', 0.05)
    monkeypatch.setattr(source_stream, 'TIMEOUT', 3.0)


def take(source, count):
    """Return frames, and close what reads them."""
    frames = source.frames(threading.Event())
    try:
        return list(islice(frames, count))
    finally:
        frames.close()


def check(frames, before):
    """Check that stamps rise, and are of the time in which the frames came."""
    stamps = [frame.stamp for frame in frames]
    assert all(b > a for a, b in pairwise(stamps))
    assert before - SECOND <= stamps[0]
    assert stamps[-1] <= time.time_ns()
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}
    assert {frame.camera for frame in frames} == {'front'}


def test_mpeg_ts_by_tcp_keeps_the_pace_of_the_stream_and_comes_back(caplog):
    address = f'tcp://127.0.0.1:{free_port()}'
    source = open_source(address, camera='front')
    assert source.live
    frames = source.frames(threading.Event())
    before = time.time_ns()
    first = Sender(address, begin=1000.0)
    seen = [next(frames) for _ in range(15)]
    first.stop()
    gaps = [b.stamp - a.stamp for a, b in pairwise(seen)]
    assert sum(gap % (SECOND // RATE) == 0 for gap in gaps) >= 5  # not as they happen to arrive
    second = Sender(address, begin=3.0)  # its clock begins elsewhere
    while source.connections < 2:
        seen.append(next(frames))
    seen += [next(frames) for _ in range(5)]
    frames.close()
    second.stop()
    check(seen, before)
    assert 'connecting again' in caplog.text


def test_mpeg_ts_by_udp():
    port = free_port(socket.SOCK_DGRAM)
    before = time.time_ns()
    sender = Sender(f'udp://127.0.0.1:{port}')
    frames = take(open_source(f'udp://127.0.0.1:{port}', camera='front'), 10)
    sender.stop()
    check(frames, before)


def test_mjpeg_by_http_leaves_broken_pictures_out_and_shows_no_password(caplog):
    caplog.set_level(logging.DEBUG)
    before = time.time_ns()
    with mjpeg_server(most=8) as server:
        source = open_source(server.address, camera='front')
        frames = take(source, 12)
        assert server.paths[0] == '/video?token=hunter2'
    check(frames, before)
    assert source.connections >= 2
    assert source.broken >= 1
    assert 'hunter2' not in caplog.text + source.title + str(source.path) + source.fault
    assert '***@127.0.0.1' in caplog.text


def test_who_is_slow_gets_the_newest_frame():
    with mjpeg_server() as server:
        source = open_source(server.address, camera='front')
        frames = source.frames(threading.Event())
        began = next(frames).stamp
        time.sleep(2.0)
        late = next(frames)
        assert source.dropped >= 5
        assert late.stamp > began + SECOND
        frames.close()


@pytest.mark.parametrize('address', ['rtsp://me:hunter2@{}/a?b=hunter2', 'http://me:hunter2@{}/'])
def test_a_stream_that_is_not_there_is_given_up_without_showing_the_password(address, caplog):
    caplog.set_level(logging.DEBUG)
    source = open_source(address.format(f'127.0.0.1:{free_port()}'), patience=0.5)
    with pytest.raises(SourceError) as error:
        take(source, 1)
    assert 'nothing has come from' in str(error.value)
    assert 'Connection refused' in str(error.value)
    assert 'hunter2' not in str(error.value) + caplog.text


def test_a_stream_that_falls_silent_is_given_up():
    with mjpeg_server() as server:
        source = open_source(server.address, patience=1.0)
        frames = iter(source)
        next(frames)
        server.silent.set()
        with pytest.raises(SourceError, match='for 1 s'):
            for _ in frames:
                pass


def test_a_stream_ends_when_it_is_asked_to():
    stop = threading.Event()
    with mjpeg_server() as server:
        source = open_source(server.address)
        seen = 0
        for _ in source.frames(stop):
            seen += 1
            if seen == 3:
                stop.set()
        assert seen == 3
        server.silent.set()  # also where nothing comes
        stop.clear()
        threading.Timer(0.5, stop.set).start()
        assert len(list(source.frames(stop))) <= 1


def test_rtsp_with_a_password():
    if rtsp_python() is None:
        pytest.skip('no RTSP server; install it: apt install gir1.2-gst-rtsp-server-1.0')
    port = free_port()
    before = time.time_ns()
    source = open_source(f'rtsp://me:hunter2@127.0.0.1:{port}/camera', camera='front')
    with rtsp_server(port, 'me', 'hunter2') as server:
        frames = source.frames(threading.Event())
        seen = [next(frames) for _ in range(10)]
        server.kill()
        server.wait(10)
        with rtsp_server(port, 'me', 'hunter2'):
            while source.connections < 2:
                seen.append(next(frames))
            seen.append(next(frames))
            frames.close()
        check(seen, before)
    wrong = open_source(f'rtsp://me:wrong@127.0.0.1:{port}/camera', patience=1.0)
    with rtsp_server(port, 'me', 'hunter2'), pytest.raises(SourceError, match='401') as error:
        take(wrong, 1)
    assert 'wrong@' not in str(error.value)


def test_addresses_are_told_from_paths_and_shown_without_secrets():
    assert is_stream('RTSP://camera/1')
    assert not is_stream('rtsp.mp4')
    assert not is_stream('file:///a.mp4')
    assert (
        masked('rtsp://me:p@ss:w/1') == 'rtsp://***@ss:w/1'
        or masked('rtsp://me:p@ss@camera/1') == 'rtsp://***@camera/1'
    )
    assert masked('http://camera/a?token=x&b=c') == 'http://camera/a?***'
    with pytest.raises(SourceError, match=r'http://\*\*\*@camera is no bag'):
        open_source('http://me:x@camera', topic='/image')


def test_stamps_are_the_streams_own_moved_to_the_wall_clock():
    clock = StreamClock()
    now = 1_700_000_000 * SECOND
    assert clock.stamp(0, now) == now
    assert clock.stamp(SECOND, now + 3 * SECOND) == now + SECOND  # came late
    assert clock.stamp(2 * SECOND, now + SECOND) == now + SECOND + 1  # the first had come late
    assert clock.stamp(3 * SECOND, now + 3 * SECOND) == now + 2 * SECOND
    assert clock.stamp(4 * SECOND, now + 60 * SECOND) == now + 60 * SECOND  # a clock was set
    clock.connect()
    assert clock.stamp(9, now + 60 * SECOND) == now + 60 * SECOND + 1
    assert clock.stamp(None, now + 61 * SECOND) == now + 61 * SECOND
    assert clock.stamp(None, now) == now  # ours was set back
