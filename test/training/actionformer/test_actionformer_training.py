"""Check that ActionFormer learns when actions are done, and is saved as what finds them."""

import json

import numpy as np
import pytest
import torch
from recordings import colour_image, write_video

from actloc_ros.cli.main import main
from actloc_ros.models.actionformer import LAYOUTS, segmenter
from actloc_ros.models.actionformer.network import ActionFormer, Layout
from actloc_ros.models.loading import load_file
from actloc_ros.training.actionformer.config import SegmentSchedule
from actloc_ros.training.actionformer.fit import make_optimizer, stack
from actloc_ros.training.actionformer.losses import SegmentLoss, distance_loss
from actloc_ros.training.actionformer.recordings import Recording, segments_of
from actloc_ros.training.actionformer.targets import assign, make_grid
from actloc_ros.truth.annotations import AnnotationError, Annotations, Happening, Video
from actloc_ros.truth.plain_json import write_annotations

SECOND = 1_000_000_000
LABELS = ('fall', 'wave')
SECONDS = 24
SCENES = {
    'a': [('fall', 3.0, 6.0), ('wave', 12.0, 14.0)],
    'b': [('wave', 2.0, 5.0), ('fall', 9.0, 11.0), ('wave', 16.0, 20.0)],
    'c': [('fall', 6.0, 10.0), ('wave', 15.0, 17.5)],
    'd': [('wave', 5.0, 8.0), ('fall', 13.0, 16.5)],
}


def test_places_near_the_middle_of_a_segment_are_responsible_by_its_length():
    grid = make_grid(32, 4)
    assert grid.centres.tolist()[32:38] == [0, 2, 4, 6, 8, 10]
    short, long = [9.0, 13.0], [2.0, 22.0]  # middles 11 and 12
    found = assign(torch.tensor([short, long]), torch.tensor([1, 0]), 2, grid)
    at = {
        (float(s), float(c)): (row.tolist(), reach.tolist())
        for s, c, row, reach, good in zip(
            grid.strides, grid.centres, found.classes, found.distances, found.positive, strict=True
        )
        if good
    }
    # The short one reaches less than 4 from places 10 to 12 (1.5 about 11); the long one 8 to 16
    # from the third level's place 12, as 8 and 16 are within 6 of its middle, too.
    assert at == {
        (1, 10): ([0, 1], [1, 3]),
        (1, 11): ([0, 1], [2, 2]),
        (1, 12): ([0, 1], [3, 1]),
        (4, 8): ([1, 0], [1.5, 3.5]),
        (4, 12): ([1, 0], [2.5, 2.5]),
        (4, 16): ([1, 0], [3.5, 1.5]),
    }
    assert not found.classes[~found.positive].any()


def test_of_two_the_shorter_counts_and_alike_ones_both():
    grid = make_grid(8, 1)
    spans = torch.tensor([[1.0, 7.0], [2.0, 6.0], [2.0, 6.0]])
    found = assign(spans, torch.tensor([0, 1, 2]), 3, grid)
    assert found.positive.nonzero()[:, 0].tolist() == [3, 4, 5]
    assert found.classes[4].tolist() == [0, 1, 1]
    assert found.distances[4].tolist() == [2, 2]
    nothing = assign(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), 3, grid)
    assert not nothing.positive.any()
    assert nothing.classes.shape == (8, 3)


def test_distance_loss_is_that_of_the_paper():
    found = torch.tensor([[2.0, 2.0], [1.0, 1.0], [0.0, 4.0]])
    wanted = torch.tensor([[2.0, 2.0], [2.0, 2.0], [4.0, 4.0]])
    # Alike; half as long about the same middle; half as long, its middle 2 of 8 away.
    expected = [0, 0.5, 1 - 4 / 8 + (2 / 8) ** 2]
    np.testing.assert_allclose(distance_loss(found, wanted), expected, atol=1e-6)


def test_padding_teaches_nothing():
    layout = Layout(8, 16, (3, 3, 3), longest=64)
    torch.manual_seed(0)
    network = ActionFormer(2, layout).eval()
    rng = np.random.default_rng(0)
    long, short = (
        Recording('', 1.0, rng.normal(size=(n, 8)).astype(np.float32), np.zeros((0, 2)), [])
        for n in (40, 13)
    )
    losses = {}
    for name, batch in (('both', [long, short]), ('long', [long]), ('short', [short])):
        features, mask = stack(batch, layout)
        outputs = network.levels(features, mask)
        grid = make_grid(features.shape[2], layout.levels)
        nothing = assign(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), 2, grid)
        losses[name] = SegmentLoss()(outputs, [nothing] * len(batch))
    both, apart = losses['both'].classes, losses['long'].classes + losses['short'].classes
    torch.testing.assert_close(both, apart)
    assert losses['both'].distances == 0


def test_norms_and_scales_know_no_weight_decay():
    network = ActionFormer(2, LAYOUTS['actionformer_n'])
    first, second = make_optimizer(network, SegmentSchedule()).param_groups
    assert (first['weight_decay'], second['weight_decay']) == (0.05, 0.0)
    assert all(weight.dim() == 3 and weight.shape[0] > 1 for weight in first['params'])
    assert len(first['params']) + len(second['params']) == len(list(network.parameters()))


def test_a_crop_keeps_segments_that_are_half_in_it():
    spans = np.array([[2.0, 6.0], [18.0, 30.0]], np.float32)
    recording = Recording('', 10.0, np.arange(40.0)[:, None], spans, np.array([0, 1]))
    for seed in range(20):
        crop = recording.crop(24, np.random.default_rng(seed))
        first = crop.features[0, 0]
        assert len(crop.features) == 24
        for (start, end), label in zip(crop.spans, crop.labels, strict=True):
            whole = spans[label]
            assert start + first == max(whole[0], first)
            assert end + first == min(whole[1], first + 24)
            assert end - start >= (whole[1] - whole[0]) / 2


def video(name, *doing, **more):
    happenings = tuple(
        Happening(label, round(start * SECOND), round(end * SECOND)) for label, start, end in doing
    )
    return Video(f'{name}.mp4', 10.0, 64, 48, 10 * SECONDS, (), (), happenings=happenings, **more)


def test_what_several_do_at_once_counts_once():
    found = segments_of(video('a', ('wave', 5, 8), ('wave', 1, 3), ('wave', 2, 6), ('fall', 2, 3)))
    spans = [(each.label, each.start, each.end) for each in found]
    assert spans == [('wave', 1, 8), ('fall', 2, 3)]
    with pytest.raises(AnnotationError, match='only some frames are labelled'):
        segments_of(video('a', labelled=np.arange(3)))


@pytest.fixture(scope='module')
def footage(tmp_path_factory):
    """Return a folder with recordings, labels, and features that say what is done."""
    folder = tmp_path_factory.mktemp('footage')
    rng = np.random.default_rng(0)
    (folder / 'features').mkdir()
    for name, doing in SCENES.items():
        write_video(folder / f'{name}.mp4', [colour_image()] * (10 * SECONDS))
        count = (SECONDS * 30 - 17) // 4 + 1
        times = (np.arange(count) * 4 + 8) / 30
        features = rng.normal(0, 0.3, (count, 2048)).astype(np.float32)
        for label, start, end in doing:
            there = (times >= start) & (times < end)
            features[there, LABELS.index(label) : 1024 : 2] += 0.5
        np.save(folder / 'features' / f'{name}.npy', features)
    for part, names in (('train', 'abc'), ('valid', 'd')):
        videos = tuple(video(name, *SCENES[name]) for name in names)
        write_annotations(folder / f'{part}.json', Annotations(LABELS, videos))
    return folder


def settings(folder, **changes):
    values = {
        'model': 'actionformer_n',
        'name': 'mine',
        'licence': 'MIT',
        'data': {'train': ['train.json'], 'valid': ['valid.json'], 'features': 'features'},
        'schedule': {'steps': 80, 'warmup': 10, 'learning_rate': 2e-3, 'ema': 0.98},
    } | changes
    path = folder / 'settings.yaml'
    path.write_text(json.dumps(values))  # which is YAML, too
    return path


@pytest.fixture(scope='module')
def trained(footage, tmp_path_factory):
    out = tmp_path_factory.mktemp('trained')
    assert main(['train', str(settings(footage)), '--out', str(out)]) == 0
    return out


def test_it_learns_and_finds_segments_after_it_was_saved(footage, trained, tmp_path, capsys):
    model = trained / 'mine.safetensors'
    entry = load_file('actionformer_n', model).entry
    assert (entry.name, entry.labels, entry.licence) == ('mine', LABELS, 'MIT')
    written = tmp_path / 'segments.json'
    command = ['run', str(footage / 'd.mp4'), '--model', 'actionformer_n', '--weights', str(model)]
    command += ['--features', str(footage / 'features' / 'd.npy'), '--segments', str(written)]
    assert main(command) == 0
    rows = json.loads(written.read_text())['results']['d']
    for label, start, end in SCENES['d']:
        best = max((row for row in rows if row['label'] == label), key=lambda row: row['score'])
        first, last = best['segment']
        shared = min(last, end) - max(first, start)
        assert shared / (max(last, end) - min(first, start)) > 0.5
        assert best['score'] > 0.2
    capsys.readouterr()
    measure = [
        'eval',
        '--protocol',
        'thumos14',
        '--ground-truth',
        str(trained / 'valid_truth.json'),
    ]
    assert main([*measure, '--detections', str(written)]) == 0
    assert 'thumos14 mAP@0.5: 1.00000 over' in capsys.readouterr().out
    assert main([*measure, '--detections', str(trained / 'valid_segments.json')]) == 0
    assert 'thumos14 mAP@0.5: 1.00000 over' in capsys.readouterr().out


class Mean(torch.nn.Module):
    """In place of I3D: the mean of each channel, repeated to as many numbers."""

    def forward(self, clip):
        """Map clips to means and features."""
        mean = clip.mean((2, 3, 4))
        return mean, mean.repeat(1, 1024 // mean.shape[1] + 1)[:, :1024, None, None, None]


def test_features_are_computed_once_and_kept_beside_the_model(footage, tmp_path, monkeypatch):
    opened = []

    def open_part(part, options, device):
        opened.append(part)
        return Mean()

    monkeypatch.setattr(segmenter, '_open_i3d', open_part)
    write_video(tmp_path / 'short.mp4', [colour_image()] * 12)
    doing = (Happening('wave', SECOND // 4, SECOND),)
    short = Video('short.mp4', 10.0, 64, 48, 12, (), (), happenings=doing)
    write_annotations(tmp_path / 'short.json', Annotations(('wave',), (short,)))
    path = settings(tmp_path, data={'train': ['short.json']}, schedule={'steps': 2})
    for _ in range(2):
        assert main(['train', str(path), '--out', str(tmp_path / 'out')]) == 0
    assert opened == ['rgb', 'flow']
    (kept,) = (tmp_path / 'out' / 'features').iterdir()
    assert kept.name.startswith('short-')
    assert np.load(kept).shape == (1 + (34 - 17) // 4, 2048)  # 34 frames at 30 Hz
    write_video(tmp_path / 'short.mp4', [colour_image()[::-1]] * 12)
    assert main(['train', str(path), '--out', str(tmp_path / 'out')]) == 0
    assert opened == ['rgb', 'flow'] * 2  # another recording has other features


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'model': 'actionformer_tsp'}, 'those that can be trained are actionformer_i3d, '),
        ({'model': 'actionformer_x'}, 'those that can be trained are actionformer_i3d, '),
        ({'name': 'a/b'}, 'expected letters'),
        ({'width': 3}, "unknown key 'width'"),
        ({'supervision': 'video'}, 'has no such choice'),
        ({'data': {'train': []}}, 'data: train names nothing'),
        ({'data': {'train': ['train.json', 'train.json']}}, 'twice'),
        ({'data': {'train': ['train.json'], 'valid': ['none.json']}}, 'none.json'),
        ({'data': {'train': ['train.json'], 'features': 'none'}}, 'cannot read features'),
        ({'data': {'train': ['train.json']}}, 'features are computed by I3D, whose weights'),
        ({'data': {'train': ['valid.json'], 'valid': ['again.json']}}, 'two recordings d'),
        ({'data': {'train': ['valid.json'], 'valid': ['jump.json']}}, "shows 'jump', which"),
        ({'data': {'train': ['points.json']}}, 'it is not said when wave begins and ends'),
        ({'data': {'train': ['idle.json']}}, 'there is nothing to learn'),
        ({'schedule': {'steps': 0}}, 'schedule: steps is 0; expected 1 or more'),
        ({'schedule': {'learning_rate': 0}}, 'schedule: learning_rate is 0'),
        ({'schedule': {'warmup': -1}}, 'schedule: warmup is -1; expected 0 or more'),
        ({'schedule': {'ema': 1.0}}, 'schedule: ema is 1.0; expected from 0 to below 1'),
    ],
)
def test_what_cannot_be_trained_is_refused(
    footage, tmp_path, monkeypatch, capsys, changes, message
):
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    more = {
        'again': video('d', *SCENES['d']),
        'jump': video('a', ('jump', 1, 2)),
        'idle': video('a'),
        'points': Video('a.mp4', 10.0, 64, 48, 240, (), (), happenings=(Happening('wave', 0),)),
    }
    for name, one in more.items():
        write_annotations(footage / f'{name}.json', Annotations((*LABELS, 'jump'), (one,)))
    assert main(['train', str(settings(footage, **changes)), '--out', str(tmp_path / 'out')]) == 2
    assert message in capsys.readouterr().err


def test_check_says_what_is_there(footage, capsys):
    assert main(['train', str(settings(footage)), '--check']) == 0
    assert 'train.json: 3 videos of 72.0 s' in capsys.readouterr().out
