"""Train the networks of `pose_n` on by `actloc train`, and use what comes of it."""

import numpy as np
import pytest
import torch
import yaml

from actloc_ros.cli.main import main
from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.open import open_localizer
from actloc_ros.models.people_n.restore import restore_people
from actloc_ros.models.skeleton_n.actions import SkeletonSession
from actloc_ros.models.skeleton_n.features import FEATURES
from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.models.skeleton_n.restore import restore_skeleton
from actloc_ros.models.storage import find_onnx
from actloc_ros.training.pose.known_actions import Truth
from actloc_ros.training.pose.skeleton import KnownFrames, last_inputs, train_head, with_rows
from actloc_ros.training.pose.tracks import LabelledTrack
from actloc_ros.training.skeleton_n.labels import NO, UNKNOWN, YES
from actloc_ros.truth.annotations import ActorTrack, Instance, Video

LABELS = ('still', 'shaking', 'other', 'odd')
SECOND = 1_000_000_000


@pytest.fixture(scope='module')
def footage(tmp_path_factory):
    """Return a folder with three rendered videos in `set`."""
    path = tmp_path_factory.mktemp('on')
    command = ['synth', str(path / 'set'), '--count', '3', '--seconds', '2', '--rate', '8']
    assert main([*command, '--size', '160x128']) == 0
    return path


def write(folder, **values):
    path = folder / 'settings.yaml'
    path.write_text(yaml.safe_dump({'name': 'mine', 'data': {'train': ['set']}, **values}))
    return path


def track(video, rng, shaking) -> LabelledTrack:
    """Return a track whose first features say what it does."""
    features = rng.normal(0, 0.3, (30, FEATURES)).astype(np.float32)
    features[:, :40] += 2 if shaking else -2
    targets = np.full((30, len(LABELS)), UNKNOWN, np.uint8)
    targets[:, 0], targets[:, 1] = (NO, YES) if shaking else (YES, NO)
    targets[:, 3] = rng.integers(0, 2, 30)  # nobody can learn this
    return LabelledTrack(video, 0, list(features), [0.1] * 30, list(targets))


def test_labels_change_only_where_recordings_left_out_gain():
    torch.manual_seed(0)
    network = with_rows(SkeletonNet(3, 24, 1), len(LABELS))
    before = network.head.weight.detach().clone()
    rng = np.random.default_rng(0)
    tracks = [track(video, rng, video % 2 == 0) for video in range(10)]
    frames = last_inputs(network, tracks)
    outcomes = train_head(network, KnownFrames(frames), LABELS, 3, [0.5] * 4, 0)
    by_label = {each.label: each for each in outcomes}
    assert set(by_label) == {'still', 'shaking', 'odd'}  # of `other` nothing is known
    assert by_label['still'].used
    assert by_label['shaking'].after > 0.95 > by_label['shaking'].before
    assert by_label['odd'].before is None
    assert by_label['odd'].threshold >= 0.5
    assert torch.equal(network.head.weight[2], before[2])
    chances = (frames.inputs @ network.head.weight[1] + network.head.bias[1]).sigmoid()
    wanted = torch.from_numpy(frames.targets[:, 1] == YES)
    assert ((chances > 0.5) == wanted).float().mean() > 0.95


def test_what_cannot_be_learned_leaves_the_start():
    torch.manual_seed(0)
    network = SkeletonNet(len(LABELS), 24, 1)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    rng = np.random.default_rng(0)
    tracks = [track(video, rng, video % 2 == 0) for video in range(10)]
    for each in tracks:
        for row in each.targets:
            row[:2], row[3] = UNKNOWN, rng.integers(0, 2)
    with torch.no_grad():
        network.head.weight[3], network.head.bias[3] = 0, 0
    before['head.weight'][3], before['head.bias'][3] = 0, 0
    known = KnownFrames(last_inputs(network, tracks))
    [odd] = train_head(network, known, LABELS, 4, [0.5] * 4, 0)
    assert not odd.used
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def video(tracks, instances, labelled=None) -> Video:
    return Video('v.mp4', 10.0, 100, 100, 100, tracks, instances, labelled)


def test_found_people_get_the_labels_of_those_whom_they_cover():
    boxes = np.tile([10.0, 10, 30, 60], (100, 1))
    actor = ActorTrack(7, np.arange(100), boxes)
    truth = Truth(video((actor,), (Instance(7, 'still', 0, 5 * SECOND),)), LABELS, ('still', 'odd'))
    found = np.array([[60.0, 10, 80, 60], [11, 10, 31, 60]])
    assert truth.targets(20, found, np.ones(2)).tolist() == [
        [UNKNOWN] * 4,
        [YES, UNKNOWN, UNKNOWN, NO],
    ]
    assert truth.targets(80, found, np.ones(2))[1].tolist() == [NO, UNKNOWN, UNKNOWN, NO]
    assert truth.targets(50, found, np.ones(2))[1, 0] == UNKNOWN  # at the action's end
    assert truth.targets(20, np.zeros((0, 4)), np.ones(0)).shape == (0, 4)


def test_without_boxes_the_one_who_is_found_best_is_the_actor():
    one = video((), (Instance(1, 'still', 0, 5 * SECOND),), labelled=np.arange(30))
    truth = Truth(one, LABELS, LABELS)
    found, scores = np.array([[60.0, 10, 80, 60], [11, 10, 31, 60]]), np.array([0.9, 0.5])
    assert truth.targets(20, found, scores)[:, 0].tolist() == [YES, UNKNOWN]
    assert (truth.targets(40, found, scores) == UNKNOWN).all()


@pytest.mark.timeout(200)
def test_both_networks_train_on_and_load(footage, capsys):
    out = footage / 'run'
    settings = write(footage, model='pose_n', steps=2)
    assert main(['train', str(settings), '--check']) == 0
    assert not out.exists()
    assert main(['train', str(settings), '--out', str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / 'mine.onnx')
    spec = SkeletonSession(out / 'mine.onnx').spec
    shipped = SkeletonSession(find_onnx('skeleton_n')).spec
    assert spec.labels[: len(shipped.labels)] == shipped.labels
    assert 'waving' in spec.labels  # of the recordings alone
    people = restore_people(out / 'mine_people.onnx')
    assert people.threshold == restore_people(find_onnx('people_n')).threshold
    options = LocalizerOptions(weights=str(out / 'mine.onnx'), device='cpu')
    localizer = open_localizer(f'{out / "mine_people.onnx"}+skeleton_n', options)
    image = np.zeros((128, 160, 3), np.uint8)
    [found] = localizer.step([Frame('', nanoseconds(1.0), image)])
    assert found.actions.shape[1] == len(spec.labels)
    kept, _ = restore_skeleton(out / 'mine.onnx')
    start, _ = restore_skeleton(find_onnx('skeleton_n'))
    assert torch.equal(kept.encode_1.weight, start.encode_1.weight)


def test_impossible_settings_are_refused(footage, capsys):
    for values, message in (
        ({'model': 'pose_n', 'people': 'x.yaml'}, 'leave them out'),
        ({'model': 'skeleton_n', 'name': '../x'}, 'letters'),
        ({'model': 'skeleton_n', 'data': {'train': []}}, 'names nothing'),
        ({'model': 'people_n', 'weights': 'no.onnx'}, 'not here'),
        ({'model': 'skeleton_n', 'steps': 'many'}, 'expected int'),
    ):
        settings = write(footage, **values)
        assert main(['train', str(settings), '--out', str(footage / 'bad')]) == 2
        assert message in capsys.readouterr().err
