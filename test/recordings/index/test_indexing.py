"""Drive `actloc index` over trees of recordings, good ones and bad ones."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from footage import BLUE, GREEN, RED, bag, bag_without_images, folder, images, tree, video
from recordings import SECOND, write_video

from actloc_ros.cli.main import main
from actloc_ros.io.bags import read_detections
from actloc_ros.recordings.index.discover import find_recordings
from actloc_ros.recordings.index.open import open_index
from actloc_ros.recordings.index.thinning import BoxThinner, KeyBox

COLOUR = 'colour_localizer:ColourLocalizer'
FEATURED = 'colour_localizer:FeaturedColourLocalizer'
FATAL = 'colour_localizer:FatalLocalizer'


def index(*recordings, into, model=COLOUR, **options):
    """Run the command, in one process if nothing else is said; return its exit code."""
    options = {'processes': 1, **options}
    given = [word for k, v in options.items() for word in (f'--{k.replace("_", "-")}', str(v))]
    return main(['index', *map(str, recordings), '--into', str(into), '--model', model, *given])


def content(into):
    """Return all that an index says: rows of all tables, and Parquet files and pictures."""
    with open_index(into) as opened:
        tables = [row[0] for row in opened.connection.execute('SHOW TABLES').fetchall()]
        rows = {t: opened.connection.execute(f'FROM {t}').fetchall() for t in sorted(tables)}
    kinds = ('.parquet', '.jpg', '.npy')
    files = sorted(p for p in into.rglob('*') if p.suffix in kinds)
    return rows, {str(p.relative_to(into)): p.read_bytes() for p in files}


def instances(into):
    with open_index(into) as opened:
        return opened.connection.execute(
            'SELECT path, camera, name, track, instance, i.start, i."end"'
            ' FROM instances i JOIN views USING (view) JOIN recordings USING (recording)'
            ' JOIN labels USING (label) ORDER BY ALL'
        ).fetchall()


def test_a_tree_of_all_kinds_is_indexed(tmp_path, capsys):
    tree(tmp_path / 'tree')
    assert index(tmp_path / 'tree', into=tmp_path / 'index') == 0
    assert '6 recordings indexed' in capsys.readouterr().out
    with open_index(tmp_path / 'index') as opened:
        names = {Path(r.path).name for r in opened.recordings()}
        assert names == {'0.mkv', '1.mkv', '2.mkv', 'monday', 'two', 'old'}
        cameras = sorted(view.camera for view in opened.views())
        assert cameras == ['', '', '', '', '/camera', '/left/image', '/right/image']
        assert {v.camera for v in opened.views() if v.wall_clock} == set(cameras) - {''}
        assert all(view.frames == 30 for view in opened.views())
        for view, number in opened.connection.execute(
            'SELECT view, instance FROM instances'
        ).fetchall():
            assert opened.thumbnail(view, number).read_bytes().startswith(b'\xff\xd8')


def test_instances_are_those_that_run_reports(tmp_path):
    """Also by default, which is `pose_n`: but here the model is quick."""
    path = video(tmp_path / 'a.mkv', colours=(RED, GREEN, BLUE, RED))
    assert index(path, into=tmp_path / 'index') == 0
    out = str(tmp_path / 'bag')
    assert main(['run', str(path), '--model', COLOUR, '--out', out]) == 0
    ended = {}
    for message in read_detections(out):
        for d in message.detections:
            if d.instance_id:
                spans = ((t.sec * SECOND + t.nanosec) for t in (d.start_time, d.end_time))
                ended[d.instance_id] = (d.label, d.track_id, d.instance_id, *spans)
    found = [row[2:] for row in instances(tmp_path / 'index')]
    assert len(found) == 4
    assert sorted(found) == sorted(ended.values())


def test_scores_are_means_and_boxes_are_those_of_the_best_key_frame(tmp_path):
    frames = images(colours=(RED,), length=10)
    for frame in frames[:5]:
        frame[frame.max(axis=-1) > 0] = (204, 0, 0)
    path = tmp_path / 'a.mkv'
    write_video(path, frames, codec='ffv1', pixel_format='bgr0')
    assert index(path, into=tmp_path / 'index') == 0
    with open_index(tmp_path / 'index') as opened:
        [(score, x1, y1, x2, y2)] = opened.connection.execute(
            'SELECT score, x1, y1, x2, y2 FROM instances'
        ).fetchall()
    assert score == pytest.approx((0.8 + 240 / 255) / 2, abs=1e-3)
    rows, columns = np.nonzero(frames[5].max(axis=-1) > 60)
    expected = [columns.min() / 64, rows.min() / 48, (columns.max() + 1) / 64]
    assert [x1, y1, x2] == pytest.approx(expected, abs=1e-6)
    assert y2 == pytest.approx((rows.max() + 1) / 48, abs=1e-6)


def test_features_and_joints_come_along(tmp_path):
    path = video(tmp_path / 'a.mkv', colours=(RED, BLUE), length=80)
    assert index(path, into=tmp_path / 'index', model=FEATURED) == 0
    with open_index(tmp_path / 'index') as opened:
        spans = opened.connection.execute('SELECT start, "end", vector FROM segments').fetchall()
        assert all(end - start <= 3 * SECOND for start, end, _ in spans)
        assert [start for start, *_ in spans] == [0, 3 * SECOND, 6 * SECOND]
        rows, cosines = opened.vectors(*opened.models()[0]).nearest(np.array([1, 0, 0]), 3)
        assert rows[0] == spans[0][2]
        assert cosines[0] == pytest.approx(1, abs=0.02)
        path = opened.boxes(0, 1)
        middles = (path.boxes[:, :2] + path.boxes[:, 2:]) / 2
        known = ~np.isnan(path.joints[:, 0, 0].astype(float))
        assert known.sum() > 1
        assert path.joints[known, 0, :2] == pytest.approx(middles[known], abs=0.05)
        assert opened.joint_names(0) == ('middle',)


def test_boxes_between_key_frames_are_within_two_pixels():
    rng = np.random.default_rng(3)
    for jitter in (0.0, 0.5, 2.0, 30.0):
        stamps = np.cumsum(rng.integers(1, 10**8, 400)) + 1_700_000_000 * SECOND
        boxes = np.cumsum(rng.normal(0, 1, (400, 4)), axis=0) + rng.normal(0, jitter, (400, 4))
        boxes = boxes.astype(np.float32)
        thinner = BoxThinner()
        for stamp, box in zip(stamps.tolist(), boxes.tolist(), strict=True):
            thinner.add(KeyBox(stamp, tuple(box), None))
        kept = thinner.finish()
        known = [key.stamp - stamps[0] for key in kept]
        for column in range(4):
            line = np.interp(stamps - stamps[0], known, [key.box[column] for key in kept])
            assert np.abs(line - boxes[:, column]).max() <= 2
        assert len(kept) < 350 or jitter > 1
    straight = BoxThinner()
    for at in range(100):
        straight.add(KeyBox(at * 10**8, (at, 0, at + 10, 20), None))
    assert len(straight.finish()) == 2


def test_a_second_run_reads_nothing_again(tmp_path, capsys, monkeypatch):
    tree(tmp_path / 'tree', count=1)
    into = tmp_path / 'index'
    assert index(tmp_path / 'tree', into=into) == 0
    before, database = content(into), (into / 'index.duckdb').stat().st_mtime_ns
    monkeypatch.setattr('actloc_ros.recordings.index.work.content_of', None)
    assert index(tmp_path / 'tree', into=into) == 0
    assert '0 recordings indexed, 4 known before' in capsys.readouterr().out
    assert (into / 'index.duckdb').stat().st_mtime_ns == database
    assert content(into) == before


def test_touched_moved_and_doubled_recordings_are_known_by_their_content(tmp_path, capsys):
    path, into = video(tmp_path / 'b.mkv'), tmp_path / 'index'
    assert index(path, into=into) == 0
    os.utime(path, ns=(1, 10**18))
    assert index(path, into=into) == 0
    with open_index(into) as opened:
        assert opened.recordings()[0].mtime == 10**18
    path.rename(tmp_path / 'c.mkv')
    assert index(tmp_path / 'c.mkv', into=into) == 0
    shutil.copy(tmp_path / 'c.mkv', tmp_path / 'a.mkv')
    assert index(tmp_path / 'a.mkv', tmp_path / 'c.mkv', into=into) == 0
    assert capsys.readouterr().out.count('1 recordings indexed') == 1
    with open_index(into) as opened:
        assert [r.path for r in opened.recordings()] == [str(tmp_path / 'a.mkv')]
    fresh = tmp_path / 'fresh'
    assert index(tmp_path / 'c.mkv', tmp_path / 'a.mkv', into=fresh) == 0
    assert content(fresh) == content(into)


def test_changed_recordings_replace_what_was_of_them(tmp_path):
    path, into = video(tmp_path / 'a.mkv', colours=(RED,)), tmp_path / 'index'
    assert index(path, into=into) == 0
    video(path, colours=(BLUE, GREEN))
    assert index(path, into=into) == 0
    assert [row[2] for row in instances(into)] == ['blue', 'green']
    assert len(list((into / 'recordings').iterdir())) == 1
    assert index(path, into=into, max_rate=5) == 0
    with open_index(into) as opened:
        assert [view.frames for view in opened.views()] == [15]


def test_another_model_adds_and_does_not_mix(tmp_path):
    path, into = video(tmp_path / 'a.mkv'), tmp_path / 'index'
    assert index(path, into=into) == 0
    assert index(path, into=into, model=FEATURED) == 0
    with open_index(into) as opened:
        assert [model for model, _ in opened.models()] == [COLOUR, FEATURED]
        assert len(opened.recordings()) == 2
        assert len(opened.vectors(*opened.models()[0])) == 0
        assert len(opened.vectors(*opened.models()[1])) > 0


def test_several_processes_give_the_same(tmp_path):
    tree(tmp_path / 'tree', count=2)
    assert index(tmp_path / 'tree', into=tmp_path / 'one') == 0
    assert index(tmp_path / 'tree', into=tmp_path / 'two', processes=2) == 0
    assert content(tmp_path / 'one') == content(tmp_path / 'two')


def test_rules_give_stays_and_alarms(tmp_path):
    (tmp_path / 'rules.yaml').write_text(
        'version: 1\n'
        'zones:\n  left: {coordinates: [0, 0, 0.5, 0, 0.5, 1, 0, 1], inertia: 0}\n'
        'rules:\n  green: {actions: [green], severity: alert}\n'
    )
    path, into = bag(tmp_path / 'bag', {'/door/image': 3}), tmp_path / 'index'
    assert index(path, into=into, rules=tmp_path / 'rules.yaml') == 0
    with open_index(into) as opened:
        [alarm] = opened.connection.execute(
            'SELECT rule, severity, tracks, labels FROM alarms'
        ).fetchall()
        assert alarm == ('green', 'alert', [1], ['green'])
        [(zone, start, end)] = opened.connection.execute(
            'SELECT name, s.start - v.start, s."end" - v.start'
            ' FROM stays s JOIN zones USING (zone) JOIN views v USING (view)'
        ).fetchall()
        assert (zone, start) == ('left', 0)
        assert end > SECOND
    assert index(path, into=into) == 0
    with open_index(into) as opened:
        assert opened.connection.execute('FROM alarms').fetchall() == []


def test_rules_that_do_not_fit_the_model_are_refused(tmp_path, capsys):
    rules = tmp_path / 'rules.yaml'
    rules.write_text('version: 1\nrules:\n  fall: {actions: [falling], severity: alert}\n')
    assert index(video(tmp_path / 'a.mkv'), into=tmp_path / 'index', rules=rules) == 2
    assert 'falling' in capsys.readouterr().err


def test_what_is_bad_in_a_tree_is_said_and_the_others_go_on(tmp_path, capsys):
    top = tmp_path / 'tree'
    video(top / 'a.mkv', 1)
    video(top / 'z.mkv', 2)
    whole = video(tmp_path / 'whole.mp4', 3, length=300).read_bytes()
    (top / 'm.mp4').write_bytes(whole[: len(whole) // 2])
    bag_without_images(top / 'bags' / 'said')
    (top / 'old.bag').write_bytes(b'#ROSBAG V2.0\n')
    (top / 'images').mkdir()
    (top / 'images' / '1.png').write_bytes(b'no image')
    (top / 'noise.mcap').write_bytes(bytes(range(256)) * 9)
    assert index(top, into=tmp_path / 'index', processes=2) == 1
    said = capsys.readouterr()
    lines = said.err.strip().splitlines()
    assert len(lines) == 5
    for name, text in (
        ('m.mp4', 'cannot be read as a video'),
        ('said', 'has no image topic; its topics are /said'),
        ('old.bag', 'rosbags-convert'),
        ('images', 'can be decoded'),
        ('noise.mcap', 'cannot be read as a bag'),
    ):
        assert any(name in line and text in line for line in lines), (name, lines)
    assert '2 recordings indexed' in said.out
    assert '5 with something wrong' in said.out
    with open_index(tmp_path / 'index') as opened:
        assert {Path(r.path).name for r in opened.recordings()} == {'a.mkv', 'z.mkv'}


def test_what_can_be_read_of_a_cut_video_is_indexed_and_said_each_time(tmp_path, capsys):
    rng = np.random.default_rng(0)
    frames = [image + rng.integers(0, 9, image.shape, np.uint8) for image in images(length=60)]
    whole = write_video(tmp_path / 'w.avi', frames, 'bgr0', 'ffv1').read_bytes()
    path = tmp_path / 'cut.avi'
    path.write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        assert index(path, into=tmp_path / 'index') == 1
        said = capsys.readouterr().err
        assert 'cut.avi' in said
        assert 'indexed are' in said
    with open_index(tmp_path / 'index') as opened:
        assert 10 < opened.views()[0].frames < 50


def test_a_recording_that_grows_is_left_for_later(tmp_path, capsys, monkeypatch):
    path = video(tmp_path / 'a.mkv')
    from actloc_ros.recordings.index import work

    real = work.content_of

    def growing(recording):
        found = real(recording)
        with recording.open('ab') as file:
            file.write(b'more')
        return found

    monkeypatch.setattr(work, 'content_of', growing)
    assert index(path, into=tmp_path / 'index') == 1
    assert 'changed while it was read; index it once it is complete' in capsys.readouterr().err
    monkeypatch.setattr(work, 'content_of', real)
    assert index(path, into=tmp_path / 'index') == 0
    assert len(instances(tmp_path / 'index')) == 2


NAMES = ("it's", '"quoted"', 'with space', 'line\nbreak', ';--', '$(x)', '%s{}', '*?[a]')
SCRIPTS = ('дом', '家', 'بيت', 'घर', 'บ้าน', '집', 'σπίτι', 'בית', '🏠', 'é', 'ꙮ', '𐎠')


def test_names_of_all_kinds(tmp_path):
    for number, name in enumerate((*NAMES, ''.join(SCRIPTS))):
        video(tmp_path / 'tree' / name / f'{name}.mkv', number, length=20)
    folder(tmp_path / 'tree' / 'im\n"ag\'es', 99, length=30)
    into = tmp_path / "in'dex \n"
    assert index(tmp_path / 'tree', into=into) == 0
    paths = {row[0] for row in instances(into)}
    assert len(paths) == len(NAMES) + 2
    assert all(Path(path).exists() for path in paths)
    assert index(tmp_path / 'tree', into=into) == 0


def test_a_name_that_is_no_text_is_said(tmp_path, capsys):
    path = video(tmp_path / 'tree' / 'a.mkv')
    os.rename(os.fsencode(path), os.fsencode(path.parent) + b'/\xff.mkv')
    video(tmp_path / 'tree' / 'b.mkv', 1)
    assert index(tmp_path / 'tree', into=tmp_path / 'index') == 1
    assert 'no UTF-8 text; rename the recording' in capsys.readouterr().err
    assert len(instances(tmp_path / 'index')) == 2


@pytest.mark.parametrize(
    ('given', 'text'),
    [
        (['nothing.mkv'], 'nothing.mkv does not exist'),
        (['empty'], 'holds no recording'),
        (['a.mkv', '--max-rate', '-1'], '--max-rate is -1.0 Hz'),
        (['a.mkv', '--processes', '-2'], '--processes is -2'),
        (['a.mkv', '--weights', 'x'], 'there are no weights "x" for colours'),
        (['a.mkv', '--rules', 'no.yaml'], 'no.yaml'),
        (['--into', 'a.mkv', 'a.mkv'], 'a.mkv is a file; name a folder'),
    ],
)
def test_what_is_asked_wrongly_is_refused(tmp_path, capsys, monkeypatch, given, text):
    monkeypatch.chdir(tmp_path)
    video(tmp_path / 'a.mkv')
    (tmp_path / 'empty').mkdir()
    assert main(['index', '--into', 'index', '--model', COLOUR, *given]) == 2
    assert text in capsys.readouterr().err


def test_one_indexer_at_a_time(tmp_path, capsys):
    from actloc_ros.recordings.index.driver import lock_index

    path, into = video(tmp_path / 'a.mkv'), tmp_path / 'index'
    with lock_index(into):
        assert index(path, into=into) == 2
    assert f'is in use by process {os.getpid()}' in capsys.readouterr().err
    assert index(path, into=into) == 0


def test_a_newer_index_is_not_replaced(tmp_path, capsys):
    import duckdb

    path, into = video(tmp_path / 'a.mkv'), tmp_path / 'index'
    assert index(path, into=into) == 0
    with duckdb.connect(str(into / 'index.duckdb')) as connection:
        connection.execute("UPDATE meta SET value = '7'")
    assert index(path, into=into) == 2
    assert 'version 7' in capsys.readouterr().err


def test_a_database_that_was_lost_is_built_again(tmp_path):
    tree(tmp_path / 'tree', count=1)
    into = tmp_path / 'index'
    assert index(tmp_path / 'tree', into=into) == 0
    before = content(into)
    (into / 'index.duckdb').write_bytes(b'broken')
    assert index(tmp_path / 'tree', into=into) == 0
    assert content(into) == before


def test_an_index_inside_a_tree_is_no_recording(tmp_path):
    video(tmp_path / 'a.mkv')
    assert index(tmp_path, into=tmp_path / 'index') == 0
    assert find_recordings([tmp_path]) == [tmp_path / 'a.mkv']
    assert index(tmp_path, into=tmp_path / 'index') == 0


def test_a_worker_that_dies_costs_its_recording_alone(tmp_path, capsys):
    for seed in range(3):
        video(tmp_path / 'tree' / f'{seed}.mkv', seed)
    video(tmp_path / 'tree' / 'fatal.mkv', colours=((255, 255, 255),) * 2)
    white = [np.full((48, 64, 3), 255, np.uint8)] * 5
    write_video(tmp_path / 'tree' / 'fatal.mkv', white, codec='ffv1', pixel_format='bgr0')
    assert index(tmp_path / 'tree', into=tmp_path / 'index', model=FATAL, processes=2) == 1
    said = capsys.readouterr()
    assert 'fatal.mkv: the process that indexed it ended 2 times (Killed)' in said.err
    assert '3 recordings indexed' in said.out


def test_a_full_disk_is_said_and_what_was_done_stays(tmp_path):
    """A limit of the size of files is what a full disk is to a writer."""
    tree(tmp_path / 'tree')
    into = tmp_path / 'index'
    program = (
        'import resource, signal, sys; from actloc_ros.cli.main import main;'
        f' sys.path[:0] = {sys.path!r};'
        ' signal.signal(signal.SIGXFSZ, signal.SIG_IGN);'
        ' resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000));'
        f' sys.exit(main(["index", {str(tmp_path / "tree")!r}, "--into", {str(into)!r},'
        f' "--model", {COLOUR!r}, "--processes", "1"]))'
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert done.returncode == 2
    assert 'cannot be written' in done.stderr
    assert len(list((into / 'recordings').glob('[!.]*'))) == 6
    assert not (into / 'index.duckdb').exists()
    assert index(tmp_path / 'tree', into=into) == 0
    fresh = tmp_path / 'fresh'
    assert index(tmp_path / 'tree', into=fresh) == 0
    assert content(into) == content(fresh)


def test_workers_end_with_the_one_who_started_them(tmp_path):
    tree(tmp_path / 'tree', count=4)
    child = start(tmp_path / 'tree', tmp_path / 'index', processes=2)
    workers = wait_for(lambda: children(child.pid), 30)
    child.kill()
    child.wait()
    assert wait_for(lambda: not any(alive(pid) for pid in workers), 30)


KILLER = """
import json, os, random, signal, sys, time
sys.path[:0] = json.loads(sys.argv[1])
import colour_localizer, cv2
import actloc_ros.cli.index, actloc_ros.io.source_bag, actloc_ros.io.source_video
from actloc_ros.cli.main import main

os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
whole, killed = (json.loads(argument) for argument in sys.argv[2:])
began = time.monotonic()
pid = os.fork()
if not pid:
    os._exit(main(whole))
assert os.waitpid(pid, 0)[1] == 0
span = time.monotonic() - began
rng, unfinished = random.Random(5), 0
for _ in range(20):
    pid = os.fork()
    if not pid:
        os._exit(main(killed))
    time.sleep(rng.uniform(0, span / 3))
    os.kill(pid, signal.SIGKILL)
    unfinished += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
print('unfinished', unfinished)
"""


@pytest.mark.timeout(240)
def test_an_index_that_was_killed_is_finished_as_if_it_never_was(tmp_path):
    """Twenty times at random, at any moment of a run in one process."""
    tree(tmp_path / 'tree', count=8)
    folders = whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    words = [command(tmp_path / 'tree', into) for into in folders]
    done = subprocess.run(
        [sys.executable, '-c', KILLER, json.dumps(sys.path), *map(json.dumps, words)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout.split()[-1]) > 5
    assert index(tmp_path / 'tree', into=killed) == 0
    assert content(killed) == content(whole)
    assert {p.name for p in killed.iterdir()} == {p.name for p in whole.iterdir()}


def command(recordings, into, processes=1):
    words = ['index', str(recordings), '--into', str(into), '--model', COLOUR]
    return [*words, '--processes', str(processes)]


def start(recordings, into, processes):
    """Start the command in a process of its own."""
    program = (
        'import json, sys; sys.path[:0] = json.loads(sys.argv.pop(1));'
        ' from actloc_ros.cli.main import main; sys.exit(main())'
    )
    given = json.dumps(sys.path), *command(recordings, into, processes)
    return subprocess.Popen([sys.executable, '-c', program, *given])


def children(pid):
    found = subprocess.run(['ps', '--ppid', str(pid), '-o', 'pid='], capture_output=True, text=True)
    pids = [int(word) for word in found.stdout.split()]
    return pids if len(pids) >= 3 else []  # two workers, and what tracks their resources


def alive(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


def wait_for(condition, seconds):
    due = time.monotonic() + seconds
    while time.monotonic() < due:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError('it did not happen')
