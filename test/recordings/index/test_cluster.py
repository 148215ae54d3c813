"""Index on a real cluster of Ray on this machine, one node of which is killed meanwhile."""

import os
import threading
import time
from pathlib import Path

import pytest
from footage import video
from slow_localizer import LOG, STEP

from actloc_ros.cli.main import main
from actloc_ros.recordings.index.open import open_index

MODEL = 'slow_localizer:SlowLocalizer'
SUPPORT = Path(__file__).resolve().parents[2] / 'support'
COUNT = 6
pytestmark = [
    pytest.mark.skipif(
        not os.environ.get('ACTLOC_CLUSTER'),
        reason='a cluster takes a minute and 700 MB: make cluster-test',
    ),
    pytest.mark.timeout(850),
]


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Start a head without cores and two nodes with one each; return cluster and nodes."""
    ray = pytest.importorskip('ray')
    from ray.cluster_utils import Cluster

    # Workers have the environment of their node.
    monkeypatch.setenv('PYTHONPATH', f'{SUPPORT}:{os.environ.get("PYTHONPATH", "")}')
    monkeypatch.setenv(LOG, str(tmp_path / 'log'))
    monkeypatch.setenv(STEP, '0.15')
    monkeypatch.setenv('RAY_ENABLE_UV_RUN_RUNTIME_ENV', '0')
    memory = {'object_store_memory': 80 << 20}
    started = Cluster(initialize_head=True, head_node_args={'num_cpus': 0, **memory})
    nodes = [started.add_node(num_cpus=1, **memory) for _ in range(2)]
    yield started, nodes
    ray.shutdown()
    started.shutdown()


def test_a_node_that_is_killed_costs_nothing(tmp_path, monkeypatch, capsys, cluster):
    started, nodes = cluster
    for seed in range(COUNT):
        video(tmp_path / 'tree' / f'{seed}.mkv', seed)
    words = ['index', str(tmp_path / 'tree'), '--model', MODEL]
    done, killed = threading.Event(), []
    killer = threading.Thread(
        target=kill_when_busy, args=(tmp_path / 'log', started, nodes[1], done, killed)
    )
    killer.start()
    into = str(tmp_path / 'cluster')
    try:
        assert main([*words, '--into', into, '--ray', started.address]) == 0
    finally:
        done.set()
        killer.join()
    assert killed, 'no node was killed while both were at work'
    assert f'{COUNT} recordings indexed' in capsys.readouterr().out
    begun = (tmp_path / 'log').read_text().split()
    assert len(begun) == COUNT + 1, 'what the lost worker was at was done again, and nothing else'
    assert len(set(begun)) >= 2
    monkeypatch.setenv(STEP, '0')
    assert main([*words, '--into', str(tmp_path / 'here'), '--processes', '1']) == 0
    assert rows(tmp_path / 'cluster') == rows(tmp_path / 'here')
    assert files(tmp_path / 'cluster') == files(tmp_path / 'here')


def test_a_cluster_that_is_not_there_is_said(tmp_path, capsys):
    pytest.importorskip('ray')
    path = video(tmp_path / 'a.mkv')
    words = ['index', str(path), '--into', str(tmp_path / 'index'), '--ray', '127.0.0.1:1']
    assert main([*words, '--model', 'motion']) == 2
    assert 'there is no Ray cluster at 127.0.0.1:1' in capsys.readouterr().err


def kill_when_busy(log, cluster, node, done, killed):
    """Kill a node once both have begun, in the middle of a recording."""
    while not done.wait(0.05):
        if log.exists() and len(set(log.read_text().split())) >= 2:
            time.sleep(1)
            cluster.remove_node(node, allow_graceful=False)
            killed.append(node)
            return


def rows(into):
    with open_index(into) as index:
        tables = ('recordings', 'views', 'tracks', 'instances', 'segments')
        return [index.connection.execute(f'FROM {table}').fetchall() for table in tables]


def files(into):
    return {path.name: path.read_bytes() for path in (into / 'recordings').iterdir()}
