"""Check ActionFormer and what is made of its segments, by its reference and on recordings."""

import json
import re

import numpy as np
import parity
import pytest
import torch
from recordings import colour_image, write_video

from actloc_ros.cli.main import main
from actloc_ros.frames import Frame
from actloc_ros.io.bags import read_detections
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models import registry
from actloc_ros.models.actionformer import LAYOUTS
from actloc_ros.models.actionformer.decode import DecodeOptions, Timeline, candidates, decode
from actloc_ros.models.actionformer.features import STRIDE, I3dFeatures, read_features
from actloc_ros.models.actionformer.network import ActionFormer, Layout
from actloc_ros.models.architecture import build_network, load_network
from actloc_ros.models.checkpoints import read_checkpoint
from actloc_ros.models.errors import ModelError, WeightsError
from actloc_ros.models.open import open_localizer

SMALL = Layout(8, 16, (3, 3, 3, 3, 3, 0), longest=64)


def error(mine, theirs):
    return np.abs(np.asarray(mine, np.float64) - theirs).max() / np.abs(theirs).max()


def test_agrees_with_its_source(shared, tmp_path):
    folder = shared / 'parity2'
    reference = json.loads((folder / 'actionformer_thumos_i3d.json').read_text())
    arrays, fill = np.load(folder / 'actionformer_thumos_i3d.npz'), parity.load_fill(folder)
    state = parity.make_state(reference, arrays, fill)
    wrong = {f'module.{key}': torch.zeros_like(value) for key, value in state.items()}
    right = {f'module.{key}': value for key, value in state.items()}
    file = tmp_path / 'epoch_034.pth.tar'
    torch.save({'epoch': 34, 'state_dict': wrong, 'state_dict_ema': right}, file)
    published = read_checkpoint(file).state
    architecture, entry = registry.identify(published)
    assert entry.name == 'actionformer_thumos_i3d'
    network = load_network(architecture, entry, published).double()
    features = fill.tensor(reference['name'], tuple(reference['input']))
    with torch.inference_mode():
        outputs = network(torch.from_numpy(features).double()[None])
    for name, output in zip(architecture.outputs, outputs, strict=True):
        rows = output[0][:: 4 if output.shape[1] > 60 else 1]
        assert error(rows, arrays[name]) < 1e-5, name
    spans, scores, labels = candidates(outputs, DecodeOptions())
    best = scores.argsort(descending=True, stable=True)[:100]
    assert len(scores) == arrays['decoded_count']
    assert error(torch.cat([spans, scores[:, None]], 1)[best], arrays['decoded']) < 1e-5
    assert labels[best].tolist() == arrays['decoded_labels'].tolist()
    video = reference['video']
    time = Timeline(video['fps'], video['feat_stride'], video['feat_num_frames'], video['duration'])
    segments = decode(outputs, DecodeOptions(), time)
    assert np.abs(segments.spans - arrays['segments']).max() < 1e-4
    assert error(segments.scores, arrays['scores']) < 1e-5
    assert segments.labels.tolist() == arrays['labels'].tolist()


@pytest.mark.parametrize('name', ['actionformer_thumos_i3d', 'actionformer_anet_tsp'])
def test_keys_are_the_published_ones(shared, name):
    reference = json.loads((shared / f'parity2/{name}.json').read_text())
    layout = LAYOUTS[registry.find_entry(name).architecture]
    with torch.device('meta'):
        network = ActionFormer(reference['classes'], layout)
    found = [[key, list(value.shape)] for key, value in network.state_dict().items()]
    assert found == reference['state_dict']
    assert sum(each.numel() for each in network.parameters()) == reference['parameters']


@pytest.mark.parametrize('length', [1, 31, 32, 40, 63, 64, 100])
def test_padding_spared_changes_nothing(length):
    """The published code pads to the longest, or what its windows divide."""
    torch.manual_seed(0)
    network = ActionFormer(2, SMALL).double().eval()
    for each in network.parameters():
        torch.nn.init.normal_(each, std=0.3)
    features = torch.randn(1, 8, length).double()
    spared = network(features)
    network._layout = Published(8, 16, SMALL.windows, SMALL.longest)
    for mine, theirs in zip(spared, network(features), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)


class Published(Layout):
    """Pads as the published code does."""

    def padded(self, length):
        """Return the padded length."""
        return self.longest if length <= self.longest else -(-length // 64) * 64


class Mean(torch.nn.Module):
    """In place of I3D: the mean of each channel, repeated to as many numbers."""

    def forward(self, clip):
        """Map clips to means and features."""
        mean = clip.mean((2, 3, 4))
        return mean, mean.repeat(1, 1024 // mean.shape[1] + 1)[:, :1024, None, None, None]


def extractor():
    return I3dFeatures(Mean(), Mean(), torch.device('cpu'))


@pytest.mark.parametrize('rate', [15, 30, 60])
def test_features_are_those_of_30_hz_at_any_rate(rate):
    features = extractor()
    for index in range(2 * rate):
        grey = 0 if index < rate else 255
        image = np.full((72, 96, 3), grey, np.uint8)
        features.push(Frame('', round(index * 1e9 / rate), image))
    found = features.finish()
    assert found.dtype == np.float32
    ticks = 1 + int((2 * rate - 1) * 30 / rate)
    assert found.shape == (1 + (ticks - 17) // STRIDE, 2048)
    np.testing.assert_allclose(found[0, :3], -1, atol=1e-6)
    np.testing.assert_allclose(found[-1, :3], 1, atol=1e-6)
    # The fourth feature sees frames 12 to 27, the fifth one 16 to 31: 2 of 16 are white.
    np.testing.assert_allclose(found[4, 0], -1 + 2 * 2 / 16, atol=1e-6)


def test_a_recording_shorter_than_a_feature_is_refused():
    features = extractor()
    features.push(Frame('', 0, np.zeros((72, 96, 3), np.uint8)))
    with pytest.raises(ModelError, match='the recording has 1 frames at 30 Hz; one feature takes'):
        features.finish()


@pytest.fixture(scope='module')
def recording(tmp_path_factory):
    """Return a folder with a video of 6 s, random weights and features."""
    folder = tmp_path_factory.mktemp('segments')
    write_video(folder / 'clip.mp4', [colour_image()] * 60)
    entry = registry.find_entry('actionformer_thumos_i3d')
    architecture = registry.architectures()[entry.architecture]
    torch.manual_seed(0)
    network = build_network(architecture, entry)
    torch.save(network.state_dict(), folder / 'weights.pth')
    features = np.random.default_rng(0).normal(size=(40, 2048)).astype(np.float32)
    np.save(folder / 'features.npy', features)
    np.save(folder / 'narrow.npy', features[:, :1024])
    (folder / 'text.npy').write_text('no array')
    return folder


def run(folder, *options, model='actionformer_thumos_i3d', features='features.npy'):
    command = ['run', str(folder / 'clip.mp4'), '--model', model]
    command += ['--weights', str(folder / 'weights.pth')]
    if features:
        command += ['--features', str(folder / features)]
    return main([*command, *map(str, options)])


def test_run_gives_segments_as_text_file_and_bag(recording, capsys):
    written, bag = recording / 'segments.json', recording / 'bag'
    assert run(recording, '--segments', written, '--out', bag) == 0
    text = capsys.readouterr().out
    rows = json.loads(written.read_text())['results']['clip']
    assert f'of {len(rows)}' in text
    assert all(0 <= row['segment'][0] < row['segment'][1] <= 6.0 for row in rows)
    likely = [row for row in rows if row['score'] >= 0.2]
    assert text.count(' s to ') == len(likely) > 0
    messages = list(read_detections(bag))
    assert len(messages) >= 60
    states = [each.state for message in messages for each in message.detections]
    assert states.count(1) == states.count(3) > 0  # all that start end
    truth = {'database': {'clip': {'subset': 'test', 'annotations': rows}}}
    (recording / 'truth.json').write_text(json.dumps(truth))
    measure = ['eval', '--ground-truth', str(recording / 'truth.json')]
    assert main([*measure, '--protocol', 'thumos14', '--detections', str(written)]) == 0
    assert 'thumos14 mAP@0.7: 1.00000 over' in capsys.readouterr().out
    assert main([*measure, '--protocol', 'online-starts', '--detections', str(bag)]) == 0
    assert re.search(r'online-starts mAP@10s: [01]\.\d+ over', capsys.readouterr().out)


@pytest.mark.parametrize(
    ('features', 'model', 'message'),
    [
        ('narrow.npy', 'actionformer_thumos_i3d', r'takes \(times, 2048\)'),
        ('text.npy', 'actionformer_thumos_i3d', 'cannot read features'),
        ('none.npy', 'actionformer_thumos_i3d', 'cannot read features'),
        ('', 'actionformer_thumos_i3d', r'put rgb_imagenet\.pt of .*or give features'),
        ('features.npy', 'actionformer_anet_tsp', 'does not fit actionformer_tsp'),
        ('features.npy', 'motion', '--features and --segments are for models that find segments'),
    ],
)
def test_what_cannot_be_run(recording, capsys, monkeypatch, tmp_path, features, model, message):
    monkeypatch.setenv('HOME', str(tmp_path))
    assert run(recording, features=features, model=model) == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize(
    ('header', 'message'),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (900000000, 2048), }", 'cannot read'),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1, (2048), }", 'cannot read'),
        ("{'descr': '|S4', 'fortran_order': False, 'shape': (1, 2048), }", 'holds no features'),
    ],
)
def test_arrays_that_are_none_are_refused(tmp_path, header, message):
    path = tmp_path / 'features.npy'
    text = f'{header}\n'.encode()
    path.write_bytes(b'\x93NUMPY\x01\x00' + len(text).to_bytes(2, 'little') + text + bytes(8192))
    with pytest.raises(WeightsError, match=message):
        read_features(path, 2048)


def test_live_it_is_refused():
    with pytest.raises(ModelError, match='finds segments in whole recordings'):
        open_localizer('actionformer_thumos_i3d', LocalizerOptions(random_weights=True))
