"""Check what recordings with keypoints teach beside actions, and that it stays in training."""

import numpy as np
import pytest
import torch

from actloc_ros.datasets.annotated_videos import AnnotatedVideos, VideoLabels
from actloc_ros.models.registry import architectures
from actloc_ros.synth.body import KEYPOINTS
from actloc_ros.synth.scene import render
from actloc_ros.training.adapter import DensePredictions, new_adapter
from actloc_ros.training.assign import Targets
from actloc_ros.training.config import Data
from actloc_ros.training.data.augment import NO_AUGMENTATION
from actloc_ros.training.data.batches import ClipDataset
from actloc_ros.training.keypoints import LAG, pose_loss, pose_targets
from actloc_ros.training.losses import POSE_WEIGHT, detection_loss
from actloc_ros.truth.annotations import ActorTrack, AnnotationError, Annotations, Video
from actloc_ros.truth.plain_json import read_annotations, write_annotations

NAMES = ('left_hand', 'right_hand')


def a_video() -> Video:
    """Return six frames of one actor who is hidden in one, and whose hands move to the right."""
    frames = np.array([0, 1, 2, 4, 5])
    hands = np.array([[10.0, 20], [30, 20]]) + frames[:, None, None] * [1.5, 0]
    boxes = np.tile([4.0, 4, 40, 60], (5, 1))
    return Video('a.mp4', 10.0, 64, 64, 6, (ActorTrack(3, frames, boxes, None, hands),), ())


def test_keypoints_are_written_and_read(tmp_path):
    path = tmp_path / 'annotations.json'
    write_annotations(path, Annotations(('wave',), (a_video(),), NAMES))
    got = read_annotations(path)
    assert got.keypoints == NAMES
    assert np.array_equal(got.videos[0].tracks[0].keypoints, a_video().tracks[0].keypoints)

    path.write_text(path.read_text().replace('"keypoints": [[10, 20,', '"keypoints": [[20,'))
    with pytest.raises(AnnotationError, match='annotations in the form'):
        read_annotations(path)
    with pytest.raises(AnnotationError, match='actor 3 has 2 keypoints, but 1 are named'):
        write_annotations(path, Annotations(('wave',), (a_video(),), NAMES[:1]))
    write_annotations(path, Annotations(('wave',), (a_video(),), NAMES))
    path.write_text(path.read_text().replace('["left_hand", "right_hand"]', '["left_hand"]'))
    with pytest.raises(AnnotationError, match=r'shape \(5, 4\); expected \(5, 2\)'):
        read_annotations(path)


def test_rendered_people_have_their_joints_where_they_are_seen():
    inside, heights = [], []
    for frame in render(5, 2.0, (320, 240), 5.0):
        for actor in frame.actors:
            points = np.array(actor.keypoints)
            assert points.shape == (len(KEYPOINTS), 2)
            x, y = points.round().astype(int).T
            shown = (x >= 0) & (x < 320) & (y >= 0) & (y < 240)
            inside += (frame.mask[y[shown], x[shown]] == actor.actor).tolist()
            heights.append(actor.keypoints[0][1] < actor.keypoints[-1][1])
    assert len(inside) > 100
    assert np.mean(inside) > 0.7  # the others are hidden
    assert np.mean(heights) > 0.8  # heads over feet, but of those who lie


def test_targets_hold_joints_and_how_they_move():
    clip = VideoLabels(a_video(), ('wave',), 2).clip(
        np.arange(6), np.zeros((6, 64, 64, 3), np.uint8)
    )
    assert np.isnan(clip.keypoints[3]).all()
    predicted = pose_targets(
        torch.from_numpy(clip.keypoints)[None], torch.from_numpy(clip.visible)[None]
    )
    assert predicted.shape == (1, 6, 1, 8)
    assert predicted[0, 4, 0].tolist() == [16, 20, 36, 20, 1.5 * LAG, 0, 1.5 * LAG, 0]
    assert predicted[0, 0, 0, :4].isfinite().all()
    assert predicted[0, :LAG, 0, 4:].isnan().all()
    assert predicted[0, 3].isnan().all()


def test_the_loss_is_the_miss_in_sizes_of_the_actor():
    centres, boxes = torch.tensor([[16.0, 16.0]]), torch.tensor([[0.0, 0, 20, 20]])
    true = torch.tensor([[20.0, 10, torch.nan, torch.nan, 3, 0, torch.nan, torch.nan]])
    predicted = torch.tensor([[4.0, -6, 50, 50, 3, 0, 50, 50]], requires_grad=True)
    assert pose_loss(predicted, true, centres, boxes) == 0
    worse = pose_loss(predicted + torch.tensor([2.0, 0, 0, 0, 0, 0, 0, 0]), true, centres, boxes)
    assert worse.item() == pytest.approx(2 / 20 / 4)
    worse.sum().backward()
    assert predicted.grad.isfinite().all()


@pytest.mark.parametrize(('asked', 'trained'), [(True, NAMES), (False, ())])
def test_keypoints_are_trained_unless_the_settings_leave_them_out(tmp_path, asked, trained):
    videos = AnnotatedVideos(tmp_path / 'a.json', Annotations(('wave',), (a_video(),), NAMES))
    dataset = ClipDataset([videos], ('wave',), Data((), keypoints=asked), NO_AUGMENTATION, 0)
    assert dataset.names.keypoints == trained


def test_the_learner_says_what_the_network_says_and_poses():
    detector = new_adapter(architectures()['stream_n'], ('a', 'b'), keypoints=2)
    detector.learner.eval()
    clips = torch.randn(1, 3, 4, 64, 96)
    with torch.no_grad():
        dense = detector.predict(clips, detector.learner)
        plain = detector.network(clips)
    assert dense.pose.shape == (4, dense.centres.shape[0], 8)
    for a, b in zip((dense.boxes, dense.actor, dense.actions), plain, strict=True):
        assert torch.equal(a, b.flatten(0, 1))
    ours = {key for key in detector.learner.state_dict() if not key.startswith('network.')}
    assert {key.split('.')[0] for key in ours} == {'pose'}
    assert not any('pose' in key for key in detector.network.state_dict())


def test_poses_are_part_of_the_loss_where_they_are_known():
    centres = torch.tensor([[8.0, 8], [24, 8]])
    boxes = torch.tensor([[[0.0, 0, 16, 16], [16, 0, 32, 16]]])
    dense = DensePredictions(
        boxes, torch.zeros(1, 2), torch.zeros(1, 2, 1), centres, torch.ones(1, 2, 8)
    )
    pose = torch.full((1, 1, 8), 20.0)
    targets = Targets(boxes[:, :1], torch.ones(1, 1, 1), torch.ones(1, 1, dtype=torch.bool))
    without = detection_loss(dense, targets)
    assert without.pose is None
    predicted = detection_loss(
        dense, Targets(targets.boxes, targets.actions, targets.valid, None, pose)
    )
    assert predicted.pose.item() == pytest.approx((11 + 19) / 16)
    assert (predicted.total - without.total).item() == pytest.approx(
        POSE_WEIGHT * predicted.pose.item()
    )
