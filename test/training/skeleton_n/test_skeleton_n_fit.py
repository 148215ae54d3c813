"""A recipe from beginning to end, small: the same weights and files from the same seed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from actloc_ros.models.skeleton_n.actions import SkeletonActions, SkeletonSession
from actloc_ros.models.skeleton_n.features import FEATURES
from actloc_ros.training.skeleton_n import own_footage, stills
from actloc_ros.training.skeleton_n.bank import Bank
from actloc_ros.training.skeleton_n.evaluate import load
from actloc_ros.training.skeleton_n.fit import label_boost, main, read_recipe, track_chances
from actloc_ros.training.skeleton_n.labels import LABELS, NO, YES
from actloc_ros.training.skeleton_n.library import HELD_CLIPS, is_held, read_captured, read_real
from actloc_ros.training.skeleton_n.made.behaviours import make_motion
from actloc_ros.training.skeleton_n.motion_data import Footage

RECIPE = Path(__file__).parents[3] / 'recipes' / 'skeleton_n.yaml'
SMALL = {
    'seed': 3,
    'library': {'made': 3, 'falls': 1, 'scenes': 1},
    'held': {'made': 2, 'scenes': 1, 'rounds': 1},
    'bank': {
        'rounds': 1, 'groups': 8, 'moments': 12,
        'shares': {'captured': 1.0, 'made': 1.0, 'falls': 1.0, 'scenes': 1.0, 'footage': 1.0,
            'stills': 1.0},
    },
    'network': {'width': 8, 'layers': 1, 'graph': 0},
    'stages': [
        {'steps': 2, 'batch': 4, 'learning_rate': 1e-3, 'weight_decay': 0.0, 'rare': 0.0},
        {'steps': 2, 'batch': 4, 'learning_rate': 1e-3, 'weight_decay': 0.0, 'rare': 0.5},
    ],
    'drop': ['crossing'],
    'thresholds': {'falling': 0.77},
}  # fmt: skip


def write_motions(path, names):
    """Write a file of 3D joints as the shared ones are."""
    joints = [make_motion(np.random.default_rng(seed), 'x').joints for seed in range(len(names))]
    starts = np.cumsum([0, *map(len, joints)])
    count = len(names)
    np.savez(
        path,
        joints=np.concatenate(joints).astype(np.float16),
        root_xy=np.zeros((starts[-1], 2), np.float32),
        starts=starts,
        names=np.array(names),
        labels=np.array(['walking'] * count),
        subjects=np.array(['someone'] * count),
        fps=np.float32(30),
        seg_clip=np.arange(count),
        seg_start=np.zeros(count, int),
        seg_end=np.diff(starts),
        seg_label=np.array(['standing'] * count),
        seg_kind=np.array(['derived'] * count),
    )


def write_footage(path, names):
    """Write a file of 2D joints as the shared ones are."""
    rng = np.random.default_rng(0)
    count = len(names)
    np.savez(
        path,
        joints2d=rng.uniform(100, 300, (40 * count, 17, 2)).astype(np.float16),
        score=rng.integers(0, 255, (40 * count, 17)).astype(np.uint8),
        starts=40 * np.arange(count + 1),
        names=np.array(names),
        subjects=np.array(['someone'] * count),
        size=np.array([[640, 480]] * count),
        fps=np.full(count, 10.0),
        seg_clip=np.arange(count),
        seg_start=np.zeros(count, int),
        seg_end=np.full(count, 40),
        seg_label=np.array(['sitting'] * count),
        seg_kind=np.array(['seen'] * count),
    )


@pytest.fixture(scope='module')
def material(tmp_path_factory):
    """Return a folder laid out as the shared one, with a few made clips, some of them held out."""
    folder = tmp_path_factory.mktemp('material')
    (folder / 'real' / 'mocap').mkdir(parents=True)
    (folder / 'real' / 'video').mkdir()
    for index, name in enumerate(('cmu', 'deepmimic', 'kaykit')):
        write_motions(folder / 'real' / 'mocap' / f'{name}.npz', [f'clip_{index}', f'test_{index}'])
    write_footage(folder / 'real' / 'mocap' / 'real2d.npz', ['clip', 'test_clip'])
    people = [{'box': [10, 20, 90, 200], 'score': 0.9, 'joints': [[30, 40, 0.8, 0.1]] * 17}]
    rows = [{'file': 'home/clip.mp4', 'frame': frame, 'people': people} for frame in (0, 3, 6, 9)]
    labels = '\n'.join(map(json.dumps, rows))
    (folder / 'real' / 'video' / 'teach_labels.jsonl').write_text(labels)
    return folder


@pytest.fixture(autouse=True)
def photographs(monkeypatch):
    """Give a track in a photograph without running the people network."""
    joints = np.random.default_rng(0).uniform(0.5, 60, (40, 17, 3)).astype(np.float32)
    joints[..., 2] = 0.5
    boxes = np.tile(np.array([0, 0, 60, 60], np.float32), (40, 1))
    targets = np.full((40, len(LABELS)), NO, np.uint8)
    track = Footage(
        'photograph/1', 'voc', 'stills', (80, 80), np.arange(40) / 8, joints, boxes,
        np.ones(40, bool), targets,
    )  # fmt: skip
    monkeypatch.setattr(stills, 'find_tracks', lambda _: [track])


def fit(tmp_path, material, name):
    recipe, out = tmp_path / 'recipe.yaml', tmp_path / name
    recipe.write_text(yaml.safe_dump(SMALL))
    main([str(recipe), '--shared', str(material), '--out', str(out)])
    return out


def test_recipe_gives_the_same_files_again(tmp_path, material):
    first, second = fit(tmp_path, material, 'one'), fit(tmp_path, material, 'two')
    for name in ('skeleton_n.safetensors', 'skeleton_n.onnx', 'held_out.txt'):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    actions = SkeletonActions(SkeletonSession(first / 'skeleton_n.onnx'))
    assert actions.labels == tuple(label for label in LABELS if label != 'crossing')
    scores = actions.update(
        1, (640, 480), np.array([1]), np.array([[10.0, 10, 90, 200]]), np.ones((1, 17, 3))
    )
    assert scores.shape == (1, len(LABELS) - 1)


def test_saved_weights_are_read_back_with_all_labels(tmp_path, material):
    network, thresholds = load(fit(tmp_path, material, 'one') / 'skeleton_n.safetensors')
    features = torch.zeros(2, FEATURES)
    with torch.no_grad():
        logits, _ = network.step(features, torch.zeros(2), network.initial_state(2))
    dropped = LABELS.index('crossing')
    assert thresholds[dropped] > 1
    assert (logits[:, dropped] == -60).all()
    assert (thresholds[:dropped] < 1).all()
    assert thresholds[LABELS.index('falling')] == 0.77


def test_rare_labels_are_drawn_more_often_and_count_more():
    targets = np.full((10, 4, len(LABELS)), NO, np.uint8)
    targets[:, :, 0], targets[9, 0, 1] = YES, YES
    bank = Bank(np.zeros((10, 4, 1)), np.zeros((10, 4)), np.ones((10, 4), bool), targets)
    chances, boost = track_chances(bank, 0.5), label_boost(bank, 0.5)
    assert chances[9] > 2 * chances[0]
    assert chances.sum() == pytest.approx(1)
    assert boost[1] > boost[0] == 1
    np.testing.assert_allclose(track_chances(bank, 0.0), 0.1)


def test_shipped_recipe_can_be_read():
    recipe = read_recipe(RECIPE)
    assert set(recipe.drop) < set(LABELS)


def test_unknown_key_is_named(tmp_path):
    path = tmp_path / 'recipe.yaml'
    path.write_text(yaml.safe_dump({**SMALL, 'sedd': 1}))
    with pytest.raises(ValueError, match='sedd'):
        read_recipe(path)


def test_held_clips_exist_and_test_clips_are_not_read(shared, tmp_path, monkeypatch):
    real, row = shared / 'real', np.ones(56, np.float32)
    monkeypatch.setattr(own_footage, 'find_person', lambda _, __, frames: np.tile(row, (frames, 1)))
    own = read_real(real, tmp_path / 'own.npz')
    clips = [*read_captured(real), *own]
    ours = [clip for clip in own if clip.source == 'people_n']
    assert len(ours) == 22
    assert ours[0].joints[-1, 16].tolist() == ours[0].boxes[0, :3].tolist() == [1, 1, 1]
    assert all(len(clip.targets) == len(clip.joints) for clip in ours)
    names = {clip.name for clip in clips}
    assert names >= HELD_CLIPS
    assert 'tfjs_pose_squats' not in names
    held = {clip.name for clip in clips if is_held(clip)}
    assert 0.1 < len(held) / len(names) < 0.4
