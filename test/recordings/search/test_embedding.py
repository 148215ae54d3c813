"""Search by words and images in vectors of pictures, with a small network of random weights."""

import json
from dataclasses import replace
from functools import partial

import cv2
import footage
import numpy as np
import pytest
import torch
from footage import BLUE, GREEN, RED
from recordings import Act, made_recording, make_index

from actloc_ros.cli.main import main
from actloc_ros.models import registry
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.words.clip import ClipLayout, make_clip
from actloc_ros.models.words.embedder import open_embedder
from actloc_ros.recordings.index import model as index_model
from actloc_ros.recordings.index import vectors as index_vectors
from actloc_ros.recordings.index.discover import hash_file
from actloc_ros.recordings.index.open import open_index
from actloc_ros.recordings.index.parquet import RecordingFile
from actloc_ros.recordings.index.store import publish, recording_path, write_recording
from actloc_ros.recordings.search.engine import Searcher
from actloc_ros.recordings.search.similar import By, Example, search_like

pytest.importorskip('open_clip', reason='its tokenizer is not installed')

NAME, DIMENSION = 'clip_tiny', 32
LAYOUT = ClipLayout(DIMENSION, 32, quick=False, width=64, text_width=64, layers=1)
MODEL = 'colour_localizer:ColourLocalizer'
WAVING = [Act('waving', 1, 1, 9), Act('walking', 2, 0, 8), Act('waving', 3, 10, 15)]


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Let there be a CLIP that is small enough for tests."""
    like = registry.architectures()['clip_vit_b_32']
    build = partial(lambda classes: make_clip(LAYOUT))
    monkeypatch.setitem(registry.architectures(), NAME, replace(like, name=NAME, build=build))
    entry = replace(registry.entries()['clip_vit_b_32_words'], name=NAME, architecture=NAME)
    monkeypatch.setitem(registry.entries(), NAME, entry)


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """Return two checkpoints of it, with other weights."""
    paths = [tmp_path_factory.mktemp('weights') / f'{name}.pt' for name in ('one', 'other')]
    for seed, path in enumerate(paths):
        torch.manual_seed(seed)
        state = make_clip(LAYOUT).state_dict()
        torch.save({key: 0.1 * torch.randn_like(value) for key, value in state.items()}, path)
    return paths


def search(capsys, folder, *arguments):
    capsys.readouterr()
    code = main(['search', str(folder), *map(str, arguments)])
    said = capsys.readouterr()
    hits = [json.loads(line) for line in said.out.splitlines()] if '--json' in arguments else []
    return code, hits, said.err


def planted(folder, weights, texts):
    """Write an index in which one part of a track looks just as each text says, others at random.

    Returns the recording's parts with these, by text.
    """
    embedder = open_embedder(NAME, weights)
    recording = made_recording('hall.mp4', WAVING, length=20)
    [view] = recording.views
    random = np.random.default_rng(1).normal(size=(len(view.segments), DIMENSION))
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    for row, text in enumerate(texts, 2):
        random[row] = embedder.text(text)
    made = {'appearances': view.segments, 'appearance_vectors': random.astype(np.float16)}
    entry = replace(recording.model, words=NAME, words_weights=hash_file(weights))
    write_recording(folder, replace(recording, model=entry, views=(replace(view, **made),)))
    publish(folder)
    return {text: view.segments[row] for row, text in enumerate(texts, 2)}


def test_what_looks_as_the_words_say_comes_first(tmp_path, weights, capsys):
    texts = 'a person waving', 'someone who lies on the floor'
    parts = planted(tmp_path / 'index', weights[0], texts)
    for text, part in parts.items():
        options = '--text', text, '--words-weights', weights[0], '--json'
        code, hits, said = search(capsys, tmp_path / 'index', *options)
        assert code == 0, said
        assert (hits[0]['track'], hits[0]['start']) == (part['track'], part['start'] / 1e9)
        assert hits[0]['score'] == pytest.approx(1, abs=2e-3)
        assert hits[1]['score'] < 0.99
        assert f"'{text}' is compared with pictures of people by {NAME} (embeddings)" in said
    code, hits, said = search(capsys, tmp_path / 'index', 'walking', *options)
    assert code == 0
    assert {hit['label'] for hit in hits} == {'walking'}
    assert (
        "'waves' is taken as waving (inflection)" in search(capsys, tmp_path / 'index', 'waves')[2]
    )


def test_moments_are_examples_of_what_somebody_looks_like(tmp_path, weights, capsys):
    parts = planted(tmp_path / 'index', weights[0], ['a person waving', 'a person waving'])
    assert len(parts) == 1
    with open_index(tmp_path / 'index') as index:
        [name] = index.words()
        rows = np.arange(len(index.vectors(*name)))
        same = index.vectors(*name).rows(rows)
        [(track, start)] = index.query('SELECT track, start FROM appearances WHERE vector = 2')
    assert np.allclose(same[2], same[3])
    moment = f'hall.mp4@{start / 1e9 + 0.5}#{track}'
    options = '--like', moment, '--by', 'appearance', '--json'
    code, hits, said = search(capsys, tmp_path / 'index', *options)
    assert code == 0, said
    assert hits[0]['score'] == pytest.approx(1, abs=2e-3)


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp('coloured')
    for name, colours in (('red', [RED]), ('green', [GREEN]), ('blue', [BLUE])):
        footage.video(folder / f'{name}.mkv', colours=colours)
    return folder


def index(tree, into, *options):
    base = ['index', tree, '--into', into, '--model', MODEL, '--processes', 1]
    return main([str(word) for word in [*base, *options]])


def test_indexed_pictures_are_of_the_people(tree, tmp_path, weights, capsys):
    words = '--words', NAME, '--words-weights', weights[0]
    assert index(tree, tmp_path / 'index') == 0
    assert index(tree, tmp_path / 'index', *words) == 0
    assert '3 recordings indexed' in capsys.readouterr().out
    assert index(tree, tmp_path / 'index', *words) == 0
    assert '0 recordings indexed' in capsys.readouterr().out
    with open_index(tmp_path / 'index') as opened:
        assert len(opened.recordings()) == 3
        [made_by] = opened.words()
        assert made_by == (NAME, hash_file(weights[0]))
        for row in opened.recordings():
            path = recording_path(tmp_path / 'index', row.key)
            [view] = RecordingFile(path).recording().views
            assert len(view.appearances) == len(view.appearance_vectors) > 0
            assert set(view.appearances['track'].tolist()) <= set(view.tracks['track'].tolist())
            lengths = np.linalg.norm(view.appearance_vectors.astype(float), axis=1)
            np.testing.assert_allclose(lengths, 1, atol=2e-3)
    # The crop of one of the frames, embedded on its own, is that of its video alone.
    embedder = open_embedder(NAME, weights[0])
    frame = footage.images(0, colours=[GREEN])[3]
    rows, columns = np.nonzero(frame.max(axis=2) > 60)
    box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    cv2.imwrite(str(tmp_path / 'crop.png'), crop_of(frame, box)[..., ::-1])
    options = '--like', tmp_path / 'crop.png', '--by', 'appearance', '--json'
    code, hits, said = search(capsys, tmp_path / 'index', *options, '--words-weights', weights[0])
    assert code == 0, said
    assert hits[0]['recording'].endswith('green.mkv')
    vector = embedder.pictures([embedder.cut_out(frame, box)])[0]
    assert float(vector @ vector) == pytest.approx(1, abs=1e-5)


def crop_of(frame, box):
    """Return the square of one and a half longer sides around a box, edges repeated."""
    x1, y1, x2, y2 = box
    half = 0.75 * max(x2 - x1, y2 - y1)
    left, top = round((x1 + x2) / 2 - half), round((y1 + y2) / 2 - half)
    side = round(2 * half)
    columns = np.clip(np.arange(left, left + side), 0, frame.shape[1] - 1)
    rows = np.clip(np.arange(top, top + side), 0, frame.shape[0] - 1)
    return frame[rows[:, None], columns]


def test_other_weights_are_refused(tmp_path, weights, capsys):
    planted(tmp_path / 'index', weights[0], ['a person waving'])
    code, _, said = search(
        *(capsys, tmp_path / 'index', '--text', 'waving', '--words-weights', weights[1])
    )
    assert code == 2
    mine, theirs = (hash_file(path)[:12] for path in weights)
    assert f'({theirs}…) than those that embedded the pictures ({mine}… of {NAME})' in said
    code, _, said = search(capsys, tmp_path / 'index', '--text', 'waving')
    assert code == 2
    assert f'{NAME} has no weights here: name them by --words-weights' in said


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        (('--text', 'a red hat'), 'run `actloc index … --words clip_vit_b_32'),
        (('--text', 'a red hat'), "or ask for 'a red hat' as a query, whose words are matched"),
        (('--like', 'hall.mp4@2s', '--by', 'appearance'), 'run `actloc index … --words'),
        (('--like', 'hall.mp4@2s', '--text', 'x'), 'give one'),
        (('waving', '--by', 'appearance'), '--by is about --like'),
        (('--text', 'x', '--sort', 'score'), 'leave out --sort'),
    ],
)
def test_an_index_without_words_says_what_to_do(tmp_path, capsys, arguments, text):
    make_index(tmp_path / 'index', {'hall.mp4': WAVING})
    code, _, said = search(capsys, tmp_path / 'index', *arguments)
    assert code == 2
    assert text in said


def test_networks_of_clips_and_classifiers_are_refused(tree, tmp_path, weights, capsys):
    assert index(tree, tmp_path / 'a', '--words-weights', weights[0]) == 2
    assert '--words-weights are of --words MODEL' in capsys.readouterr().err
    assert index(tree, tmp_path / 'b', '--words', NAME, '--words-weights', 'nowhere.pt') == 2
    assert 'nowhere.pt' in capsys.readouterr().err
    with pytest.raises(WeightsError):
        open_embedder('mc3_18', weights[0])


def test_a_database_from_before_pictures_has_none(tmp_path, capsys):
    make_index(tmp_path / 'index', {'hall.mp4': WAVING})
    import duckdb

    with duckdb.connect(str(tmp_path / 'index' / 'index.duckdb')) as connection:
        connection.execute('DROP TABLE appearances')
        for column in ('words', 'words_weights'):
            connection.execute(f'ALTER TABLE recordings DROP COLUMN {column}')
    assert search(capsys, tmp_path / 'index', 'waving', '--json')[1]
    code, _, said = search(capsys, tmp_path / 'index', '--text', 'waving')
    assert code == 2
    assert '--words' in said


@pytest.mark.parametrize('most', [100_000, 32 * 100])
def test_the_nearest_of_many_pictures_are_found(tmp_path, monkeypatch, most):
    """By comparing all below a number, by a graph above it."""
    monkeypatch.setattr(index_vectors, 'NUMBERS', most)
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(40, DIMENSION))
    entry = {'words': NAME, 'words_weights': '1' * 64}
    recording = made_recording('a.mp4', WAVING, length=3000, **entry)
    [view] = recording.views
    count = 2000
    parts = index_model.rows(
        index_model.SEGMENTS, [(1, 10**9 * n, 10**9 * n + 10**8) for n in range(count)]
    )
    vectors = centres[chance.integers(0, 40, count)] + 0.5 * chance.normal(size=(count, DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    made = {'appearances': parts, 'appearance_vectors': vectors.astype(np.float16)}
    write_recording(tmp_path, replace(recording, views=(replace(view, **made),)))
    publish(tmp_path)
    with open_index(tmp_path) as index:
        [file] = index.vectors(NAME, '1' * 64).files
        assert file.file.endswith('.npy' if most > count * DIMENSION else '.usearch')
        searcher = Searcher(index.connection)
        found = []
        for row in range(0, count, 100):
            query = (vectors[row] + 0.02 * chance.normal(size=DIMENSION)).astype(np.float32)
            example = Example(NAME, '1' * 64, query[None], by=By.APPEARANCE)
            near, exact = (
                {h.start for h in search_like(index, searcher, [example], None, 10, e).hits}
                for e in (False, True)
            )
            found.append(len(near & exact) / 10)
    assert np.mean(found) >= 0.95
