"""Check I3D against its reference, and as a classifier of the whole view."""

import json

import numpy as np
import parity
import pytest
import torch
from painted import paint

from actloc_ros.cli.main import main
from actloc_ros.io.bags import find_type
from actloc_ros.io.sinks import BagSink
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models import registry
from actloc_ros.models.architecture import load_network
from actloc_ros.models.detectors.whole_view import WholeView
from actloc_ros.models.entry import Activation, Entry, Preprocessing
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.open import open_localizer
from actloc_ros.models.two_stage.classifier import ClipClassifier
from actloc_ros.models.two_stage.localizer import TwoStageLocalizer
from actloc_ros.offline import pipeline_label_info
from actloc_ros.pipeline import Pipeline
from actloc_ros.sinks import make_report


def test_agrees_with_its_source(shared):
    """The other one, which takes twice as long, is a case of `test/parity.py`."""
    name = 'i3d_flow_kinetics'
    folder = shared / 'parity2'
    reference = json.loads((folder / f'{name}.json').read_text())
    arrays, fill = np.load(folder / f'{name}.npz'), parity.load_fill(folder)
    architecture, entry = registry.identify(parity.make_state(reference, arrays, fill))
    assert entry.name == f'{name}400'
    network = load_network(architecture, entry, parity.make_state(reference, arrays, fill))
    assert [key for key, _ in reference['state_dict']] == list(network.state_dict())
    assert sum(each.numel() for each in network.parameters()) == reference['parameters']
    clip = fill.clip(name, tuple(reference['input']), reference['input_scale'])
    with torch.inference_mode():
        outputs = network.double()(torch.from_numpy(clip - 1.0).double())
    for key, mine in zip(architecture.outputs, outputs, strict=True):
        wanted = arrays[key]
        assert np.abs(mine.numpy() - wanted).max() < 1e-5 * np.abs(wanted).max(), key


class Brightness(torch.nn.Module):
    """Classifies a clip as dark or bright, over time."""

    def forward(self, clip):
        """Map (B, 3, K, H, W) to logits (B, 2, K) and something else."""
        mean = clip.mean((1, 3, 4))
        return torch.stack([5 - 10 * mean, 10 * mean - 5], 1), mean


def view_localizer():
    labels = ('dark', 'bright')
    entry = Entry('b', 'b', labels, Preprocessing(8, 8), 4, 10.0, Activation.SOFTMAX)
    classifier = ClipClassifier(Brightness(), entry, torch.device('cpu'), torch.float32)
    options = LocalizerOptions(extra={'classify_rate': 10.0})
    return TwoStageLocalizer('view+b', WholeView(), classifier, options)


def test_the_whole_view_is_one_actor_with_instances():
    pipeline = Pipeline(view_localizer())
    events, tracks = [], set()
    for index in range(60):
        # The edges beyond the central square say the contrary: they do not count.
        grey = (10, 250)[20 <= index < 40]
        edges = 255 - grey
        actors = [((0, 0, 160, 120), (edges,) * 3), ((20, 0, 140, 120), (grey,) * 3)]
        for result in pipeline.step([paint(index * 100_000_000, actors)]):
            for action in result.actions:
                tracks.add(action.track_id)
                assert action.box == (0, 0, 160, 120)
                if action.state.name in ('STARTED', 'ENDED'):
                    events.append((action.state.name, action.class_id, action.start / 1e9))
    assert tracks == {1}
    starts = [(label, start) for state, label, start in events if state == 'STARTED']
    assert [label for label, _ in starts] == [0, 1, 0]
    assert [start for _, start in starts] == pytest.approx([0, 2, 4], abs=0.35)


def test_what_happens_in_the_whole_view_is_measured_in_time(tmp_path):
    pipeline = Pipeline(view_localizer())
    sink = BagSink(tmp_path / 'bag', pipeline_label_info(pipeline))
    whole = (0, 0, 160, 120)
    frames = [
        paint(index * 100_000_000, [(whole, ((10, 250)[20 <= index < 40],) * 3)])
        for index in range(60)
    ]
    steps = [step for frame in frames for step in pipeline.step([frame])] + pipeline.reset()
    for step in steps:
        sink.write(make_report(step, find_type, model=pipeline.name, labels=pipeline.labels))
    sink.close()
    spans = [('dark', 0, 2), ('bright', 2, 4), ('dark', 4, 6)]
    shown = [{'label': label, 'segment': [start, end]} for label, start, end in spans]
    truth, out = tmp_path / 'truth.json', tmp_path / 'out.json'
    truth.write_text(json.dumps({'database': {'film': {'subset': 'test', 'annotations': shown}}}))
    files = ['--ground-truth', str(truth), '--detections', str(tmp_path / 'bag')]
    least = {'activitynet': 0.75, 'online-frames': 0.9, 'online-starts': 0.99}
    for protocol, value in least.items():
        assert main(['eval', '--protocol', protocol, *files, '--json', str(out)]) == 0
        assert json.loads(out.read_text())['figures'][0]['value'] > value


def test_flow_is_no_classifier_of_images():
    options = LocalizerOptions(random_weights=True)
    with pytest.raises(WeightsError, match='its task is classification of optical flow'):
        open_localizer('view+i3d_flow', options)


def test_view_is_opened_by_name():
    localizer = open_localizer('view+mc3_18', LocalizerOptions(random_weights=True))
    (found,) = localizer.step([paint(0, [((10, 10, 50, 50), (9, 9, 9))])])
    assert found.boxes.tolist() == [[0, 0, 160, 120]]
    assert found.actions.shape == (1, 400)
    localizer.close()
