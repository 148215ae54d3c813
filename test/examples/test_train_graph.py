"""Train by the example's settings, shortened, and measure what comes of it."""

import shutil
import subprocess

import pytest
import yaml


@pytest.mark.timeout(500)
def test_trains_and_is_measured(examples, tmp_path):
    (tmp_path / 'examples').mkdir()
    settings = tmp_path / 'examples' / 'train_graph.yaml'
    shutil.copy(examples / 'train_graph.yaml', settings)
    run = lambda *command: subprocess.run(  # noqa: E731
        ['actloc', *command], cwd=tmp_path, check=True, timeout=300, capture_output=True, text=True
    )
    size = '--size', '320x240', '--rate', '6', '--seconds', '2'
    run('synth', 'footage', '--count', '4', *size)
    values = yaml.safe_load(settings.read_text())
    settings.write_text(yaml.safe_dump({**values, 'frames': 8, 'steps': 2, 'batch': 2}))
    out = run('train', settings, '--out', 'trained').stdout
    assert 'F1 on recordings left out' in out
    weights = out.splitlines()[-1]
    truth = '--ground-truth', 'footage/annotations.json', '--videos', 'footage'
    model = '--model', 'people_n+stgcnpp_coco17', '--weights', weights
    assert 'frame-mAP@0.5' in run('eval', '--protocol', 'ucf24-act', *truth, *model).stdout
