"""Check that an index holds what was written, whole or not at all, and that it can be read."""

import json
import resource
import shutil
import subprocess
import sys
import textwrap

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from recordings import SECOND, Act, made_recording, make_index

from actloc_ros.files import OutputError
from actloc_ros.recordings.index import store
from actloc_ros.recordings.index.model import KEYS, BoxPath, RecordingsError
from actloc_ros.recordings.index.open import open_index
from actloc_ros.recordings.index.parquet import METADATA, RecordingFile, encode
from actloc_ros.recordings.index.store import publish, write_recording

ACTS = [
    Act('walking', 1, 0, 8, 0.8, zone='door'),
    Act('sitting', 2, 3.5, 60, 0.7),
    Act('falling', 1, 8, 9, 0.9, alarm='fall'),
]
OTHER = [Act('waving', 7, 100, 104, camera='/left'), Act('walking', 3, 5, 6, camera='/right')]


def everything(folder):
    """Return all rows of all tables of an index, and the names of all files."""
    with open_index(folder) as index:
        tables = [row[0] for row in index.connection.execute('SHOW TABLES').fetchall()]
        rows = {t: index.connection.execute(f'FROM {t}').fetchall() for t in sorted(tables)}
    files = {str(p.relative_to(folder)): p for p in sorted(folder.rglob('*')) if p.is_file()}
    return rows, {n: p.read_bytes() for n, p in files.items() if p.suffix in ('.parquet', '.jpg')}


def test_index_holds_what_was_written(tmp_path):
    make_index(tmp_path, {'a.mp4': ACTS, 'b': OTHER}, thumbnails=True)
    with open_index(tmp_path) as index:
        found = index.connection.execute(
            'SELECT path, camera, name, track, i.start, i."end", round(score::DOUBLE, 2)'
            ' FROM instances i JOIN views USING (view) JOIN recordings USING (recording)'
            ' JOIN labels USING (label) ORDER BY path, i.start'
        ).fetchall()
        assert found == [
            ('a.mp4', '', 'walking', 1, 0, 8 * SECOND, 0.8),
            ('a.mp4', '', 'sitting', 2, 3.5 * SECOND, 60 * SECOND, 0.7),
            ('a.mp4', '', 'falling', 1, 8 * SECOND, 9 * SECOND, 0.9),
            ('b', '/right', 'walking', 3, 5 * SECOND, 6 * SECOND, 0.9),
            ('b', '/left', 'waving', 7, 100 * SECOND, 104 * SECOND, 0.9),
        ]
        assert index.labels() == ('falling', 'sitting', 'walking', 'waving')
        assert index.zones() == ('door',)
        views = index.views()
        assert sorted(v.camera for v in views) == ['', '/left', '/right']
        assert not any(v.wall_clock for v in views)
        [view] = [v.view for v in views if not v.camera]
        stays = index.connection.execute('FROM stays').fetchall()
        assert stays == [(view, 1, 0, 0, 8 * SECOND)]
        [alarm] = index.connection.execute('FROM alarms').fetchall()
        assert alarm == (view, 1, 'fall', 'alert', 8 * SECOND, 9 * SECOND, [1], ['falling'])
        path = index.boxes(view, 1)
        assert path.boxes[0] == pytest.approx([256, 96, 384, 432])
        assert index.thumbnail(view, 3).read_bytes().startswith(b'\xff\xd8')


def test_instances_are_sorted_by_view_and_start(tmp_path):
    make_index(tmp_path, {f'{n}.mp4': ACTS + OTHER for n in range(4)})
    with open_index(tmp_path) as index:
        rows = index.connection.execute('SELECT view, start FROM instances').fetchall()
    assert rows == sorted(rows)


def test_vectors_belong_to_their_segments(tmp_path):
    make_index(tmp_path, {'a.mp4': ACTS, 'b': OTHER})
    with open_index(tmp_path) as index:
        [model] = index.models()
        vectors = index.vectors(*model)
        for recording in index.recordings():
            file = RecordingFile(store.recording_path(tmp_path, recording.key))
            for own in file.recording().views:
                rows = index.connection.execute(
                    'SELECT vector FROM segments JOIN views USING (view)'
                    ' WHERE recording = ? AND number = ?',
                    [recording.recording, own.number],
                ).fetchnumpy()['vector']
                assert np.array_equal(vectors.rows(rows), own.vectors.astype(np.float32))
                best, cosines = vectors.nearest(own.vectors[0], 3)
                assert best[0] == rows[0]
                assert cosines[0] == pytest.approx(1, abs=1e-3)


def test_two_models_do_not_mix(tmp_path):
    make_index(tmp_path, {'a.mp4': ACTS})
    make_index(tmp_path, {'a.mp4': ACTS}, weights='f' * 64)
    with open_index(tmp_path) as index:
        assert len(index.recordings()) == 2
        one, other = (index.vectors(*model) for model in index.models())
        assert len(one) == len(other) > 0
        rows = index.connection.execute('SELECT vector FROM segments').fetchnumpy()['vector']
        assert sorted(rows.tolist()) == sorted([*range(len(one)), *range(len(other))])


def test_parquet_gives_back_the_recording_and_the_same_bytes():
    recording = made_recording('a "b"\n.mp4', ACTS + OTHER, zero=1_700_000_000 * SECOND)
    assert encode(recording) == encode(recording)
    assert recording.views[0].wall_clock


def test_a_reader_goes_on_while_another_index_is_published(tmp_path):
    make_index(tmp_path, {'a.mp4': ACTS})
    with open_index(tmp_path) as before:
        vectors = before.vectors(*before.models()[0])
        make_index(tmp_path, {'b.mp4': OTHER})
        with open_index(tmp_path) as after:
            assert len(after.recordings()) == 2
            assert len(before.recordings()) == 1
            before.connection.execute('SELECT count(*) FROM instances').fetchone()
            assert len(vectors.nearest(np.ones(16), 5)[0]) == 5


def test_files_of_vectors_that_nobody_uses_are_removed(tmp_path):
    for n in range(5):
        make_index(tmp_path, {f'{n}.mp4': [*ACTS, Act('waving', n, n, n + 1)]})
    assert len(list(tmp_path.glob('vectors-*'))) <= 2


def test_the_same_recordings_give_the_same_index_in_any_order(tmp_path):
    recordings = {f'{n}.mp4': ACTS if n % 2 else OTHER for n in range(6)}
    make_index(tmp_path / 'one', recordings)
    for path in reversed(recordings):
        make_index(tmp_path / 'other', {path: recordings[path]})
    assert everything(tmp_path / 'one') == everything(tmp_path / 'other')


def test_the_database_cannot_be_written_and_reaches_no_file(tmp_path):
    make_index(tmp_path, {'a.mp4': ACTS})
    (tmp_path / 'x.csv').write_text('a\n1\n')
    with open_index(tmp_path) as index:
        for query in (
            'DELETE FROM instances',
            f"SELECT * FROM read_csv('{tmp_path}/x.csv')",
            f"COPY instances TO '{tmp_path}/y.csv'",
            'SET enable_external_access = true',
        ):
            with pytest.raises(duckdb.Error):
                index.connection.execute(query)


@pytest.mark.parametrize('name', ['it\'s "new"', 'a\nb', 'дом-家-بيت-🏠', 'with space;--'])
def test_folders_of_any_name(tmp_path, name):
    make_index(tmp_path / name, {f'{name}.mp4': ACTS}, thumbnails=True)
    with open_index(tmp_path / name) as index:
        assert index.recordings()[0].path == f'{name}.mp4'
        assert index.thumbnail(0, 1).exists()


def test_newer_versions_are_refused(tmp_path):
    make_index(tmp_path, {'a.mp4': ACTS})
    with duckdb.connect(str(tmp_path / 'index.duckdb')) as connection:
        connection.execute("UPDATE meta SET value = '2'")
    with pytest.raises(RecordingsError, match=r'version 2 .*versions up to 1; use the release'):
        open_index(tmp_path)


def test_newer_recordings_are_refused(tmp_path):
    make_index(tmp_path, {'a.mp4': ACTS})
    [path] = (tmp_path / 'recordings').iterdir()
    table = pq.read_table(path)
    facts = json.loads(table.schema.metadata[METADATA]) | {'version': 9}
    pq.write_table(table.replace_schema_metadata({METADATA: json.dumps(facts)}), path)
    with pytest.raises(RecordingsError, match=r'version 9 .*use the release that wrote it'):
        publish(tmp_path)


@pytest.mark.parametrize('content', [b'', b'PAR1' * 9, b'no database' * 500])
def test_broken_files_are_named(tmp_path, content):
    make_index(tmp_path, {'a.mp4': ACTS})
    (tmp_path / 'index.duckdb').write_bytes(content)
    with pytest.raises(RecordingsError, match=r'index\.duckdb .*run `actloc index` again'):
        open_index(tmp_path)
    [path] = (tmp_path / 'recordings').iterdir()
    path.write_bytes(content)
    with pytest.raises(RecordingsError, match=f'{path.name} is no part of an index'):
        publish(tmp_path)


def test_a_folder_without_an_index_says_what_to_do(tmp_path):
    with pytest.raises(RecordingsError, match='make it first: actloc index'):
        open_index(tmp_path)


def test_nothing_is_left_of_a_recording_for_which_there_is_no_room(tmp_path):
    """A limit of the size of files is what a full disk is to a writer."""
    make_index(tmp_path, {'a.mp4': ACTS})
    before = everything(tmp_path)
    program = f"""
        import resource, signal, sys
        sys.path.insert(0, {sys.path[0]!r})
        sys.path[:0] = {sys.path!r}
        from recordings import Act, made_recording
        from actloc_ros.files import OutputError
        from actloc_ros.recordings.index.store import publish, write_recording
        acts = [Act('walking', n, n, n + 60.5, n / 5000) for n in range(4000)]
        recording = made_recording('b.mp4', acts)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        for step in (lambda: write_recording({str(tmp_path)!r}, recording),
                     lambda: publish({str(tmp_path)!r})):
            try:
                step()
            except OutputError as error:
                print(error)
    """
    done = subprocess.run(
        [sys.executable, '-c', textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    assert 'File too large' in first
    assert str(tmp_path) in second
    assert 'cannot be written' in second
    assert everything(tmp_path) == before
    assert not list(tmp_path.glob('.*.duckdb*'))
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_thumbnails_without_their_recording_are_cleaned_up(tmp_path):
    recording = made_recording('a.mp4', ACTS, thumbnails=True)
    path = write_recording(tmp_path, recording)
    path.unlink()
    (tmp_path / 'recordings' / '.0a.parquet').write_bytes(b'PAR1')
    (tmp_path / 'thumbnails' / '.0b').mkdir()
    store.clean(tmp_path)
    assert not list((tmp_path / 'recordings').iterdir())
    assert not list((tmp_path / 'thumbnails').iterdir())


def test_a_write_protected_folder_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(OutputError, match='file cannot be written'):
        write_recording(tmp_path / 'file', made_recording('a.mp4', ACTS))


def test_an_empty_index_can_be_opened(tmp_path):
    publish(tmp_path)
    with open_index(tmp_path) as index:
        assert index.recordings() == index.views() == []


def test_boxes_between_key_frames_lie_on_a_line():
    zero = 1_700_000_000 * SECOND
    path = BoxPath(np.array([zero, zero + 10]), np.array([[0, 0, 10, 10], [10, 20, 30, 40]]))
    assert path.at(np.array([zero + 5, zero + 99])).tolist() == [[5, 10, 20, 25], [10, 20, 30, 40]]
    assert KEYS.names == ('track', 'stamp', 'x1', 'y1', 'x2', 'y2')


def test_a_recording_that_was_deleted_says_so(tmp_path):
    make_index(tmp_path, {'a.mp4': ACTS})
    with open_index(tmp_path) as index:
        shutil.rmtree(tmp_path / 'recordings')
        with pytest.raises(RecordingsError, match='is missing'):
            index.boxes(0, 1)
