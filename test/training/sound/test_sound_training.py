"""Test that a small classifier of sounds is trained from clips, and measured on other sources."""

import json

import numpy as np
import pytest
from sound_files import RATE, beeps, write_media

from actloc_ros.cli.main import main
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.sound.open import open_classifier
from actloc_ros.training.config import ConfigError
from actloc_ros.training.sound.clips import author, read_clips
from actloc_ros.training.sound.config import SoundData, SoundLabel
from actloc_ros.training.sound.fit import folds

SETTINGS = """\
model: sound
name: mine
data:
  clips: [index.json]
  labels: [{name: high, of: [whistle]}, {name: hiss}]
steps: 60
windows: 150
batch: 32
folds: FOLDS
"""


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    """Whistles, hisses and low hums of five sources each."""
    folder = tmp_path_factory.mktemp('clips')
    random, rows = np.random.default_rng(0), []
    for source in range(5):
        sounds = {
            'whistle': beeps(0.5, 0.0, frequency=2500 + 150 * source, length=0.5),
            'hiss': (0.3 * random.standard_normal(RATE // 2)).clip(-1, 1).astype(np.float32),
            'hum': beeps(0.5, 0.0, frequency=90 + 10 * source, length=0.5),
        }
        for label, sound in sounds.items():
            file = f'{label}_{source}.flac'
            write_media(folder / file, sound)
            rows.append({'file': file, 'label': label, 'author': f'author {source} (1234)'})
    rows.append({'file': 'not there', 'label': 'hiss', 'author': 'a', 'teach': 'no'})
    (folder / 'index.json').write_text(json.dumps(rows))
    return folder


def test_a_classifier_is_trained_by_the_command_and_hears(clips, tmp_path, capsys):
    settings = clips / 'sound.yaml'
    settings.write_text(SETTINGS.replace('FOLDS', '2'))
    assert main(['train', str(settings), '--check']) == 0
    assert '15 clips of 5 sources' in capsys.readouterr().out
    assert main(['train', str(settings), '--out', str(tmp_path / 'out')]) == 0
    text = capsys.readouterr().out
    assert 'right sound scores best' in text
    figures = json.loads((tmp_path / 'out' / 'figures.json').read_text())
    assert figures['clips'] == 15
    classifier = open_classifier(str(tmp_path / 'out' / 'mine.onnx'), LocalizerOptions())
    assert classifier.labels == ('high', 'hiss')
    high = classifier.score(np.repeat(beeps(1.0, 0.5, frequency=2600, length=0.5), 2))
    low = classifier.score(np.repeat(beeps(1.0, 0.5, frequency=95, length=0.5), 2))
    assert high[0] > low[0]


def test_sources_are_never_split(clips):
    data = SoundData(('index.json',), (SoundLabel('whistle'), SoundLabel('hiss')))
    found = read_clips(data, clips)
    assert [clip.label for clip in found[:3]] == [0, 1, -1]
    for taught, left in folds(found, 3, 0):
        assert not {c.source for c in taught} & {c.source for c in left}
    assert author({'file': 'a', 'author': 'me (freesound 123)'}) == 'me'


def test_folders_of_clips(clips, tmp_path):
    (tmp_path / 'bang').mkdir()
    write_media(tmp_path / 'bang' / 'one.flac', beeps(0.5, 0.1))
    [clip] = read_clips(SoundData((str(tmp_path),), (SoundLabel('bang'),)), clips)
    assert (clip.kind, clip.source) == ('bang', 'one')
    heard = np.flatnonzero(clip.active) / 32_000
    assert (heard.min(), heard.max()) == (
        pytest.approx(0.1, abs=0.02),
        pytest.approx(0.5, abs=0.02),
    )


@pytest.mark.parametrize(
    ('change', 'fault'),
    [
        (('folds: FOLDS', 'folds: 1'), 'folds is 1'),
        (('hiss}', 'bang}'), "no clip is labelled 'bang'; labels of clips are hiss, hum, whistle"),
        (('index.json', 'nothing.json'), 'cannot be read'),
        (('name: mine', 'name: a/b'), 'name is'),
        (('steps: 60', 'steps: 0'), 'must be 1 or more'),
    ],
)
def test_settings_that_cannot_be_used_are_refused(clips, capsys, change, fault):
    settings = clips / 'wrong.yaml'
    settings.write_text(SETTINGS.replace(*change).replace('FOLDS', '0'))
    assert main(['train', str(settings), '--check']) == 2
    assert fault in capsys.readouterr().err


def test_a_list_that_is_none_is_refused(tmp_path):
    (tmp_path / 'index.json').write_text('{"a": 1}')
    with pytest.raises(ConfigError, match='is no list of clips'):
        read_clips(SoundData(('index.json',), (SoundLabel('a'),)), tmp_path)
