"""Test that the weights by which sounds change actions are learned from recordings, and used."""

import json

import numpy as np
import pytest
from sound_files import SECOND, beeps, write_loudness_classifier, write_media

from actloc_ros.cli.main import main
from actloc_ros.io.bags import read_detections
from actloc_ros.models.sound.fusion import ActionWeights, Fusion
from actloc_ros.msg import ActionDetection
from actloc_ros.training.sound.fusion import FusionSamples, learn
from actloc_ros.truth.annotations import ActorTrack, Annotations, Instance, Video
from actloc_ros.truth.plain_json import write_annotations

BOX = np.array([20.0, 16.0, 40.0, 40.0])
TIMES = {'one': (0.5, 2.1, 4.0), 'two': (1.2, 3.0), 'dark': (1.2, 3.0)}
SEER = 'colour_localizer:ColourLocalizer'


@pytest.fixture(scope='module')
def recordings(tmp_path_factory):
    """Somebody half red, who is `red` in truth while it beeps, and never `green`."""
    folder = tmp_path_factory.mktemp('fusion')
    image = np.full((48, 64, 3), 20, np.uint8)
    image[16:40, 20:40] = 130, 20, 20
    for name, times in TIMES.items():
        path = folder / f'{name}.mkv'
        shown = image * (name != 'dark')
        write_media(path, beeps(5.0, *times, length=0.8), images=[shown] * 50)
        frames = np.arange(50)
        track = ActorTrack(1, frames, np.tile(BOX, (50, 1)))
        doing = [
            Instance(1, 'red', round((t + 0.1) * SECOND), round((t + 0.8) * SECOND)) for t in times
        ]
        video = Video(path.name, 10.0, 64, 48, 50, (track,), tuple(doing))
        write_annotations(folder / f'{name}.json', Annotations(('red', 'green'), (video,)))
    write_loudness_classifier(folder / 'loud.onnx')
    return folder


def test_weights_are_learned_measured_and_used(recordings, tmp_path, capsys):
    settings = recordings / 'fusion.yaml'
    settings.write_text(
        f"model: sound_fusion\nname: mine\nof: '{SEER}'\ntrain: [one.json]\nvalid: [two.json]\n"
        f'sound_weights: {recordings}/loud.onnx\n'
    )
    assert main(['train', str(settings), '--out', str(tmp_path / 'out')]) == 0
    text = capsys.readouterr().out
    path = tmp_path / 'out' / 'mine.json'
    weights = Fusion.read(path).weights
    assert set(weights) == {'red'}  # nobody is green, so nothing is learned of that
    assert weights['red'].sounds['beep'] > 0.3
    words = text.partition('average precision')[2].split()
    alone, both = float(words[0]), float(words[4])
    assert both > alone + 0.2
    scores = scores_of(run(recordings, path, 'two.mkv', tmp_path / 'bag'), False)
    assert scores[1.6]['red'] > 0.5 > scores[0.6].get('red', 0)


def run(recordings, weights, name, bag):
    """Return the messages of a run with learned weights."""
    params = bag.with_suffix('.yaml')
    params.write_text(
        f"action_localizer: {{ros__parameters: {{model: '{SEER}+sound', sound: {{weights: "
        f'{recordings}/loud.onnx, fusion: {weights}}}}}}}\n'
    )
    assert main(['run', str(recordings / name), '--params', str(params), '--out', str(bag)]) == 0
    return list(read_detections(bag))


def scores_of(messages, whole_view):
    """Return scores by time in s and label."""
    return {
        round(m.header.stamp.sec + m.header.stamp.nanosec * 1e-9, 1): {
            r.label: r.score for d in m.detections if d.whole_view == whole_view for r in d.results
        }
        for m in messages
    }


@pytest.fixture(scope='module')
def learned(recordings, tmp_path_factory):
    """Return the file of weights that the first recording gives, and what was printed."""
    settings, out = recordings / 'learn.yaml', tmp_path_factory.mktemp('learned')
    settings.write_text(
        f"model: sound_fusion\nname: mine\nof: '{SEER}'\ntrain: [one.json]\nvalid: [dark.json]\n"
        f'sound_weights: {recordings}/loud.onnx\n'
    )
    assert main(['train', str(settings), '--out', str(out)]) == 0
    return out / 'mine.json'


def test_in_the_dark_sounds_alone_tell_what_somebody_does(recordings, learned, tmp_path):
    alone = Fusion.read(learned).weights['red'].alone
    assert alone.sounds['beep'] > 0.3
    messages = run(recordings, learned, 'dark.mkv', tmp_path / 'dark')
    assert not any(scores_of(messages, False).values())  # nobody is seen
    scores = scores_of(messages, True)
    assert scores[1.6]['red'] > 0.5
    assert scores[1.6]['beep'] > 0.5
    assert scores[0.6] == scores[2.6] == {}
    found = [d for m in messages for d in m.detections if d.label == 'red']
    starts = [d.start_time for d in found if d.state == ActionDetection.STARTED]
    assert [s.sec + s.nanosec * 1e-9 for s in starts] == pytest.approx([1.35, 3.15], abs=0.16)


def test_in_the_light_the_whole_view_has_sounds_alone(recordings, learned, tmp_path):
    messages = run(recordings, learned, 'two.mkv', tmp_path / 'light')
    assert {label for each in scores_of(messages, True).values() for label in each} == {'beep'}


def test_weights_of_before_tell_nothing_alone(recordings, learned, tmp_path):
    old = tmp_path / 'old.json'
    content = json.loads(learned.read_text())
    del content['actions']['red']['alone']
    old.write_text(json.dumps(content))
    messages = run(recordings, old, 'dark.mkv', tmp_path / 'old')
    assert {label for each in scores_of(messages, True).values() for label in each} == {'beep'}


def test_what_goes_on_in_silence_is_not_told_by_sounds():
    rng = np.random.default_rng(0)
    heard = rng.random((200, 1)).astype(np.float32)
    always = np.arange(200) % 8 > 0
    loud = heard > 0.7
    samples = FusionSamples(
        ('stand', 'fall'), ('thud',), np.zeros((0, 2)), np.zeros((0, 1)), np.zeros((0, 2), bool),
        heard, np.column_stack([always, loud]), np.ones(2, bool),
    )  # fmt: skip
    weights = learn(samples, 1.0).weights
    assert set(weights) == {'fall'}
    assert weights['fall'].alone.sounds['thud'] > 0.5
    # Nobody was seen to fall, so that actors who are seen keep their scores.
    assert weights['fall'] == ActionWeights(0.0, 1.0, {}, weights['fall'].alone)


def test_recordings_are_checked(recordings, capsys):
    settings = recordings / 'check.yaml'
    text = 'model: sound_fusion\nname: mine\nof: motion\ntrain: [one.json]\nvalid: [%s.json]\n'
    settings.write_text(text % 'two')
    assert main(['train', str(settings), '--check']) == 0
    said = capsys.readouterr().out
    assert 'one.json: 1 recordings; red 3 times, green 0 times' in said
    other = recordings / 'lost.json'
    other.write_text((recordings / 'two.json').read_text().replace('two.mkv', 'lost.mkv'))
    for name, fault in (('lost', 'lost.mkv, which is not there'), ('none', 'none.json')):
        settings.write_text(text % name)
        assert main(['train', str(settings), '--check']) == 2
        assert fault in capsys.readouterr().err


def test_too_little_is_refused(recordings, tmp_path, capsys):
    settings = recordings / 'fusion.yaml'
    settings.write_text(
        'model: sound_fusion\nname: mine\nof: motion\ntrain: [two.json]\n'
        f'sound_weights: {recordings}/loud.onnx\n'
    )
    assert main(['train', str(settings), '--out', str(tmp_path / 'out')]) == 2
    assert 'no action has 20 key frames' in capsys.readouterr().err
