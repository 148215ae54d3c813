"""Train by the example of a network that says when actions are done."""

import csv

import numpy as np
from recordings import colour_image, write_video

from actloc_ros.cli.main import main
from actloc_ros.models.loading import load_file

ROWS = [
    ('monday.mp4', 'waving', 0.5, 1.5),
    ('monday.mp4', 'falling', 2.0, 2.8),
    ('tuesday.mp4', 'waving', 1.0, 2.0),
]


def test_it_trains_on_recordings_beside_a_csv(examples, tmp_path):
    (tmp_path / 'shifts').mkdir()
    (tmp_path / 'features').mkdir()
    for name in ('monday', 'tuesday'):
        write_video(tmp_path / 'shifts' / f'{name}.mp4', [colour_image()] * 30)
        features = np.random.default_rng(0).normal(size=(18, 2048)).astype(np.float32)
        np.save(tmp_path / 'features' / f'{name}.npy', features)
    with (tmp_path / 'shifts' / 'labels.csv').open('w', newline='') as file:
        csv.writer(file).writerows([('recording', 'label', 'start', 'end'), *ROWS])
    text = (examples / 'segments.yaml').read_text()
    settings = tmp_path / 'segments.yaml'
    settings.write_text(text.replace('# features', 'features').replace('1000', '3'))
    assert main(['train', str(settings), '--out', str(tmp_path / 'out')]) == 0
    entry = load_file('actionformer_n', tmp_path / 'out' / 'mine.safetensors').entry
    assert set(entry.labels) == {'waving', 'falling'}
