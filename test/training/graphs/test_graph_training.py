"""Train graph networks over joints by `actloc train`, and run what comes of it."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
import yaml

from actloc_ros.cli.main import main
from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.joints import COCO_JOINTS
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.checkpoints import read_checkpoint, write_checkpoint
from actloc_ros.models.entry import Activation
from actloc_ros.models.errors import ModelError
from actloc_ros.models.graphs.actions import ClipActions, GraphActions, for_layout, fuse
from actloc_ros.models.loading import load_file, open_network
from actloc_ros.models.open import open_localizer
from actloc_ros.models.people.open import PeopleNetwork
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.training.graphs.config import GRAPHS, GraphConfig, GraphData, read_graph_config
from actloc_ros.training.graphs.fit import ClipSource, Figures, choose_left_out, loss_of
from actloc_ros.training.graphs.session import begin_network, entry_of, read_start, train
from actloc_ros.training.graphs.tracks import Change, Ends, JointTrack, clip_ends, make_clip, spaced
from actloc_ros.training.skeleton_n.labels import NO, UNKNOWN, YES
from actloc_ros.truth.annotations import ActorTrack, AnnotationError, Annotations, Instance, Video
from actloc_ros.truth.plain_json import write_annotations

RATE, FRAMES = 10, 30
SIZE = 160, 120
LABELS = 'still', 'waving', 'here'
STANDING = np.random.default_rng(0).uniform(20, 80, (17, 2))
BOX = np.array([10.0, 10, 100, 110])


def body(phase: float) -> np.ndarray:
    """Return joints (17, 3) whose arms are raised by a phase in [0, 1]."""
    joints = np.concatenate([STANDING, np.full((17, 1), 0.9)], 1)
    arms = [COCO_JOINTS.index(f'{s}_{j}') for s in ('left', 'right') for j in ('wrist', 'elbow')]
    joints[arms, 1] -= 40 * phase
    return joints


def phases(waving: bool) -> np.ndarray:
    """Return how far arms are raised in each frame, in [0, 1]."""
    return 0.5 + 0.5 * np.sin(np.arange(FRAMES) * 1.3) if waving else np.zeros(FRAMES)


def find(image: np.ndarray, least: float) -> FoundPeople:
    """Find the one person, whose arms are as far up as the image is bright."""
    joints = body(float(image.mean()) / 255).astype(np.float32)
    return FoundPeople(BOX[None].astype(np.float32), np.full(1, 0.9, np.float32), joints[None])


PEOPLE = PeopleNetwork('made up', find, 0.5, has_joints=True)


@pytest.fixture(scope='module')
def footage(tmp_path_factory):
    """Return a folder with recordings of who waves and of who does not, in `set`."""
    folder = tmp_path_factory.mktemp('graphs')
    videos = []
    for number in range(6):
        name, waving = f'clip{number}', number % 2 == 0
        (folder / 'set' / name).mkdir(parents=True)
        for frame, phase in enumerate(phases(waving)):
            image = np.full((*SIZE[::-1], 3), round(255 * phase), np.uint8)
            cv2.imwrite(str(folder / 'set' / name / f'{frame:03}.png'), image)
        end = nanoseconds(FRAMES / RATE)
        track = ActorTrack(1, np.arange(FRAMES), np.tile(BOX, (FRAMES, 1)))
        shown = ('waving' if waving else 'still', 'here')
        does = tuple(Instance(1, label, 0, end) for label in shown)
        videos.append(Video(name, float(RATE), *SIZE, FRAMES, (track,), does))
    write_annotations(
        folder / 'set' / 'annotations.json', Annotations((*LABELS, 'never'), tuple(videos))
    )
    return folder


def write(folder, **values):
    path = folder / 'settings.yaml'
    given = {'model': 'stgcnpp_coco17', 'name': 'mine', 'data': {'train': ['set']}, **values}
    path.write_text(yaml.safe_dump(given))
    return path


def joint_file(path, waving: bool):
    """Write the joints of a recording as other trackers give them."""
    detections = [
        {'frame': frame, 'score': 0.9, 'joints': body(phase).tolist()}
        for frame, phase in enumerate(phases(waving))
    ]
    head = {'format': 'actloc-joints', 'version': 1, 'rate': RATE, 'joint_names': COCO_JOINTS}
    path.write_text(json.dumps({**head, 'detections': detections}))
    return path


def last_scores(weights, joints) -> dict[str, float]:
    """Return what a localizer reports of the one person in the end."""
    options = LocalizerOptions(weights=str(weights), device='cpu')
    localizer = open_localizer(f'joints={joints}+stgcnpp_coco17', options)
    image = np.zeros((*SIZE[::-1], 3), np.uint8)
    for frame in range(FRAMES):
        [found] = localizer.step([Frame('', nanoseconds(1 + frame / RATE), image)])
    localizer.close()
    assert found.actions.shape[0] == 1
    return dict(zip(localizer.labels, found.actions[0].tolist(), strict=True))


@pytest.mark.timeout(400)
def test_learns_two_motions_and_runs_live(footage, tmp_path):
    config = read_graph_config(write(footage, frames=16, steps=40, batch=8, measure_every=20))
    lines = []
    path = train(config, footage, tmp_path, PEOPLE, lines.append)
    assert path == tmp_path / 'mine.safetensors'
    text = '\n'.join(lines)
    assert 'not learned, since nobody is found who does it: never' in text
    assert 'F1 on recordings left out 1.000, of labels' in text
    entry = read_checkpoint(path).entry
    assert (entry.labels, entry.multi_label, entry.frames) == (LABELS, True, 16)
    for waving in (True, False):
        scores = last_scores(path, joint_file(tmp_path / 'joints.json', waving))
        right, wrong = ('waving', 'still') if waving else ('still', 'waving')
        assert scores[right] > 0.5 > scores[wrong]
        assert scores['here'] > 0.5  # at the same time


@pytest.mark.timeout(100)
@pytest.mark.parametrize('model', GRAPHS)
def test_each_is_written_in_the_published_layout(footage, tmp_path, model):
    values = {'model': model, 'frames': 8, 'steps': 1, 'batch': 2, 'stream': 'b'}
    config = read_graph_config(write(footage, **values))
    path = train(config, footage, tmp_path, PEOPLE, lambda line: None)
    opened = load_file(model, path)
    assert opened.entry.labels == LABELS
    assert opened.entry.skeleton.stream == 'b'
    published = open_network(model, random_weights=True).network.state_dict()
    assert opened.network.state_dict().keys() == published.keys()
    actions = GraphActions([opened], 'cpu', 2.0)
    joints = for_layout(np.stack([body(0.1), body(0.2)]), actions.layout)
    assert actions.classify([joints], SIZE).shape == (1, 3)


def test_begins_from_a_published_checkpoint_with_a_new_last_layer(footage, tmp_path):
    published = open_network('stgcnpp_ntu60_hrnet_j', random_weights=True)
    state = published.network.state_dict()
    torch.save(state, tmp_path / 'j.pth')
    config = read_graph_config(write(footage, weights=str(tmp_path / 'j.pth')))
    network = begin_network(entry_of(config, LABELS), read_start(config, tmp_path))
    ours = network.state_dict()
    assert {key for key in ours if not torch.equal(ours[key], state[key])} == {
        'cls_head.fc_cls.weight',
        'cls_head.fc_cls.bias',
    }
    assert ours['cls_head.fc_cls.bias'].shape == (3,)


def made_track(stamps=(0, 100, 200, 300, 1000)) -> JointTrack:
    joints = np.stack([body(index / 10) for index in range(len(stamps))]).astype(np.float32)
    targets = np.full((len(stamps), 2), NO, np.uint8)
    return JointTrack(0, SIZE, np.array(stamps) * 1_000_000, joints, targets)


def test_clips_to_learn_from_are_those_that_a_robot_classifies():
    config = read_like('stgcn_openpose18')
    for model in ('stgcnpp_coco17', 'stgcn_openpose18'):
        entry = entry_of(replace(config, model=model), LABELS)
        network = begin_network(entry, {})
        given = []
        network.register_forward_pre_hook(lambda _, args, given=given: given.append(args[0]))
        opened = replace(open_network(model, random_weights=True), entry=entry, network=network)
        live, track = ClipActions(GraphActions([opened], 'cpu', 100.0)), made_track()
        for stamp, joints in zip(track.stamps.tolist(), track.joints, strict=True):
            live.update(stamp, SIZE, np.zeros(1, np.int64), BOX[None], joints[None])
        wanted = [make_clip(track, frame, entry) for frame in range(1, 5)]
        np.testing.assert_allclose(torch.cat(given).numpy(), np.stack(wanted), atol=1e-6)


def read_like(model):
    return GraphConfig(model, 'x', GraphData(('y',)))


def test_a_change_moves_the_body_and_exchanges_its_sides():
    entry, track = entry_of(read_like('stgcnpp_coco17'), LABELS), made_track()
    seen = make_clip(track, 4, entry)
    mirrored = make_clip(track, 4, entry, Change(mirrored=True))
    left, right = (COCO_JOINTS.index(f'{side}_wrist') for side in ('left', 'right'))
    np.testing.assert_allclose(mirrored[0, :, left], -seen[0, :, right], atol=1e-5)
    np.testing.assert_allclose(mirrored[1, :, left], seen[1, :, right], atol=1e-5)
    moved = make_clip(track, 4, entry, Change(shift=(0.25, 0.0)))
    np.testing.assert_allclose(moved[0], seen[0] + 0.5, atol=1e-5)
    np.testing.assert_allclose(moved[1:], seen[1:], atol=1e-5)


def test_clips_to_measure_on_are_half_a_second_apart():
    track = made_track()
    ends = clip_ends([track, track])
    assert ends.frames.tolist() == [1, 2, 3, 4] * 2
    assert spaced(ends, [track, track], 10).frames.tolist() == [1, 4, 1, 4]
    assert len(spaced(ends, [track, track], 3).frames) == 3


def test_mirror_images_exchange_left_and_right():
    track = made_track()
    track.targets[:, 0] = YES
    entry = entry_of(read_like('stgcnpp_coco17'), ('left wave', 'right wave'))
    clips, targets = ClipSource([track], clip_ends([track]), entry, 0).draw(16)
    assert clips.shape == (16, 3, 32, 17, 1)
    assert {tuple(row) for row in targets.tolist()} == {(YES, NO), (NO, YES)}


def test_streams_of_own_files_are_fused(tmp_path):
    files = []
    for stream in ('j', 'b'):
        config = replace(read_like('stgcnpp_coco17'), stream=stream, frames=8)
        entry = entry_of(config, LABELS)
        files.append(tmp_path / f'{stream}.safetensors')
        write_checkpoint(files[-1], begin_network(entry, {}).state_dict(), entry)
    options = LocalizerOptions(weights=','.join(map(str, files)), device='cpu')
    joints = joint_file(tmp_path / 'joints.json', True)
    opened = open_localizer(f'joints={joints}+stgcnpp_coco17,stgcnpp_coco17', options)
    assert opened.labels == LABELS
    mixed = replace(options, weights=f'{files[0]},{softmax(tmp_path)}')
    with pytest.raises(ModelError, match='kind of scores'):
        open_localizer(f'joints={joints}+stgcnpp_coco17,stgcnpp_coco17', mixed)


def softmax(folder):
    """Write a checkpoint like a published one, with a softmax over the same labels."""
    config = replace(read_like('stgcnpp_coco17'), stream='b', frames=8)
    entry = replace(entry_of(config, LABELS), activation=Activation.SOFTMAX)
    write_checkpoint(folder / 's.safetensors', begin_network(entry, {}).state_dict(), entry)
    return folder / 's.safetensors'


def test_the_last_recording_of_a_label_is_never_left_out():
    videos = np.arange(8)
    targets = np.full((8, 2), NO, np.uint8)
    targets[:7, 0], targets[7, 1] = YES, YES
    ends = Ends(videos, videos, targets, videos)
    for seed in range(5):
        out = choose_left_out(ends, seed)
        assert len(out) == 2
        assert 7 not in out
    assert choose_left_out(ends[np.array([6, 7])], 0) == []


def test_recordings_of_each_label_are_left_out():
    videos = np.arange(6)
    targets = np.full((6, 3), NO, np.uint8)
    targets[videos, videos % 3] = YES
    for seed in range(5):
        out = choose_left_out(Ends(videos, videos, targets, videos), seed)
        assert sorted(video % 3 for video in out) == [0, 1, 2]


def test_what_is_not_known_does_not_count():
    logits = torch.tensor([[0.0, 9.0]])
    targets = np.array([[YES, UNKNOWN]], np.uint8)
    assert float(loss_of(logits, targets)) == pytest.approx(np.log(2))


def test_of_the_same_f1_the_lower_loss_is_better():
    one, other = Figures((1.0, float('nan')), 0.2), Figures((1.0, float('nan')), 0.1)
    assert other.better(one)
    assert not one.better(other)
    assert one.better(None)
    assert 'b: not shown there' in one.text(('a', 'b'))


def test_scores_of_a_sigmoid_do_not_sum_to_one():
    logits = {'j': torch.tensor([[2.0, 2.0]]), 'b': torch.tensor([[0.0, 0.0]])}
    found = fuse(logits, False, Activation.SIGMOID)
    assert found.tolist() == [[pytest.approx((1 / (1 + np.exp(-2)) + 0.5) / 2)] * 2]


def test_one_recording_is_not_enough(footage, tmp_path):
    content = json.loads((footage / 'set' / 'annotations.json').read_text())
    content['videos'] = content['videos'][:2]
    (footage / 'set' / 'few.json').write_text(json.dumps(content))
    config = read_graph_config(write(footage, data={'train': ['set/few.json']}))
    with pytest.raises(AnnotationError, match='two or more that show each label'):
        train(config, footage, tmp_path, PEOPLE, lambda line: None)


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'model': 'stgcnpp_ntu25'}, 'joints in the image'),
        ({'model': 'costgcn_mod_openpose18'}, 'whole clips are trained'),
        ({'name': '../x'}, 'letters'),
        ({'data': {'train': []}}, 'names nothing'),
        ({'data': {'train': ['set'], 'rate': 0}}, 'rate is 0'),
        ({'stream': 'x'}, 'one of j, b, jm, bm'),
        ({'frames': 4}, 'expected 8 or more'),
        ({'frames': 900}, 'expected 300 or fewer'),
        ({'batch': 1}, 'batch is 1'),
        ({'learning_rate': 3.0}, 'learning_rate is 3.0'),
        ({'steps': 'many'}, 'expected int'),
        ({'speed': 1}, 'unknown key'),
        ({'supervision': 'time'}, 'no such choice'),
        ({'weights': 'no.pth'}, 'there is no checkpoint'),
        ({'weights': 'other.safetensors'}, 'is no stgcnpp_coco17 but ctrgcn_pyskl_coco17'),
        ({'people': 'no.yaml'}, 'no.yaml'),
    ],
)
def test_impossible_settings_are_refused(footage, capsys, values, message):
    if values.get('weights') == 'other.safetensors':
        other = open_network('ctrgcn_pyskl_coco17', random_weights=True)
        write_checkpoint(footage / 'other.safetensors', other.network.state_dict(), other.entry)
    settings = write(footage, **values)
    assert main(['train', str(settings), '--out', str(footage / 'bad')]) == 2
    assert message in capsys.readouterr().err
    assert not (footage / 'bad').exists()


def test_recordings_are_checked_without_training(footage, capsys):
    assert main(['train', str(write(footage)), '--check']) == 0
    assert 'waving' in capsys.readouterr().out
