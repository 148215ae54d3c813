"""Test that the weights by which sounds change actions are learned from recordings, and used."""

import numpy as np
import pytest
from sound_files import SECOND, beeps, write_loudness_classifier, write_media

from actloc_ros.cli.main import main
from actloc_ros.io.bags import read_detections
from actloc_ros.models.sound.fusion import Fusion
from actloc_ros.truth.annotations import ActorTrack, Annotations, Instance, Video
from actloc_ros.truth.plain_json import write_annotations

BOX = np.array([20.0, 16.0, 40.0, 40.0])
TIMES = {'one': (0.5, 2.1, 4.0), 'two': (1.2, 3.0)}
SEER = 'colour_localizer:ColourLocalizer'


@pytest.fixture(scope='module')
def recordings(tmp_path_factory):
    """Somebody half red, who is `red` in truth while it beeps, and never `green`."""
    folder = tmp_path_factory.mktemp('fusion')
    image = np.full((48, 64, 3), 20, np.uint8)
    image[16:40, 20:40] = 130, 20, 20
    for name, times in TIMES.items():
        path = folder / f'{name}.mkv'
        write_media(path, beeps(5.0, *times, length=0.8), images=[image] * 50)
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

    params = tmp_path / 'params.yaml'
    params.write_text(
        f"action_localizer: {{ros__parameters: {{model: '{SEER}+sound', sound: {{weights: "
        f'{recordings}/loud.onnx, fusion: {path}}}}}}}\n'
    )
    video, bag = str(recordings / 'two.mkv'), str(tmp_path / 'bag')
    assert main(['run', video, '--params', str(params), '--out', bag]) == 0
    scores = {
        round(m.header.stamp.sec + m.header.stamp.nanosec * 1e-9, 1): {
            r.label: r.score for d in m.detections if not d.whole_view for r in d.results
        }
        for m in read_detections(bag)
    }
    assert scores[1.6]['red'] > 0.5 > scores[0.6].get('red', 0)


def test_too_little_is_refused(recordings, tmp_path, capsys):
    settings = recordings / 'fusion.yaml'
    settings.write_text(
        'model: sound_fusion\nname: mine\nof: motion\ntrain: [two.json]\n'
        f'sound_weights: {recordings}/loud.onnx\n'
    )
    assert main(['train', str(settings), '--out', str(tmp_path / 'out')]) == 2
    assert 'no action has 20 key frames' in capsys.readouterr().err
