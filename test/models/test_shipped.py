"""Check the weights that come with the package: what they are, and that they detect."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from actloc_ros.frames import Frame
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.loading import open_network
from actloc_ros.models.open import open_localizer
from actloc_ros.models.ops.preprocessing import preprocess, upload
from actloc_ros.models.registry import find_entry
from actloc_ros.models.storage import shipped_path
from actloc_ros.models.stream.network import StreamNet
from actloc_ros.synth import LABELS, render
from actloc_ros.training.actionformer.config import read_segment_config
from actloc_ros.training.config import read_config
from actloc_ros.training.graphs.config import read_graph_config
from actloc_ros.training.pose.config import read_tuning

ROOT = Path(__file__).resolve().parents[2]
UNSEEN = 9_900_000  # seeds of scenes that nothing was trained on
RATE = 12.5


@pytest.fixture(scope='module')
def scene():
    """Return 6 s of people."""
    return list(render(UNSEEN, 6.0, (320, 240), RATE))


@pytest.fixture(scope='module')
def opened():
    return open_network('stream_n')


def test_the_file_says_all_that_is_needed():
    entry = find_entry('stream_n')
    assert shipped_path('stream_n').stat().st_size <= 10_000_000
    assert entry.labels == LABELS
    assert entry.rate == RATE
    assert entry.licence == 'Apache-2.0'
    assert entry.multi_label


@pytest.mark.parametrize('batch', [1, 4])
def test_frame_by_frame_equals_the_clip_in_float32(opened, scene, batch):
    how = opened.entry.preprocessing
    clips = [
        torch.stack(
            [
                preprocess(upload(f.image, torch.device('cpu')), how, torch.float32)
                for f in scene[i : i + StreamNet.receptive_field + 3]
            ]
        )
        for i in range(batch)
    ]
    clip = torch.stack(clips)
    state = opened.network.initial_state(batch, how.height, how.width)
    cameras = torch.arange(batch)
    with torch.inference_mode():
        whole = opened.network(clip.transpose(1, 2))
        for t in range(clip.shape[1]):
            step = opened.network.forward_step(clip[:, t], state, cameras)
            for name in ('boxes', 'actor', 'actions'):
                want = getattr(whole, name)[:, t]
                error = (getattr(step, name) - want).abs().max() / want.abs().max()
                assert error <= 1e-5, (name, t)


def test_people_whom_it_has_never_seen_are_found(scene):
    localizer = open_localizer('stream_n', LocalizerOptions(device='cpu'))
    found = actors = 0
    for frame in scene:
        [result] = localizer.step([Frame('', frame.stamp, frame.image)])
        boxes = torch.from_numpy(result.boxes[result.scores >= 0.2]).reshape(-1, 4)
        truth = [a.box for a in frame.actors if a.box[3] - a.box[1] >= 40]
        if truth:
            overlap = box_iou(torch.tensor(np.array(truth), dtype=torch.float32), boxes)
            found += int((overlap.max(dim=1).values >= 0.5).sum()) if len(boxes) else 0
            actors += len(truth)
    assert actors > 100
    assert found / actors >= 0.6


def test_the_recipe_is_of_settings_that_are_valid(opened):
    config = read_config(ROOT / 'recipes' / 'stream_n.yaml')
    assert config.model == config.name == opened.entry.name
    how = opened.entry.preprocessing
    assert (config.data.height, config.data.width) == (how.height, how.width)
    assert (config.data.rate, config.licence) == (opened.entry.rate, opened.entry.licence)


def test_the_documented_settings_are_valid(tmp_path):
    text = (ROOT / 'doc' / 'training.md').read_text()
    blocks = re.findall(r'^```yaml\n(.*?)^```', text, re.M | re.S)
    paths = [tmp_path / f'{number}.yaml' for number in range(len(blocks))]
    for path, block in zip(paths, blocks, strict=True):
        path.write_text(block)
    tuned, weak, graph, trained, segments = paths
    assert read_tuning(tuned).steps == 150
    assert read_tuning(weak).supervision == 'time'
    assert read_graph_config(graph).model == 'stgcnpp_coco17'
    assert read_config(trained).schedule.steps == 2000
    assert read_segment_config(segments).model == 'actionformer_n'
