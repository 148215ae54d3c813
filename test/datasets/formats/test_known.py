"""Check that frames of which nobody has said what they show teach nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from actloc_ros.datasets.annotated_videos import VideoLabels
from actloc_ros.training.adapter import DensePredictions
from actloc_ros.training.assign import Targets
from actloc_ros.training.data.augment import NO_AUGMENTATION, ColumnNames, augment, choose_frames
from actloc_ros.training.data.batches import collate
from actloc_ros.training.data.sampling import KeyFrames
from actloc_ros.training.losses import detection_loss
from actloc_ros.truth.annotations import ActorTrack, AnnotationError, Annotations, Instance, Video
from actloc_ros.truth.plain_json import read_annotations, write_annotations

CENTRES = torch.stack(torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing='xy'), -1)
CENTRES = (CENTRES.reshape(-1, 2) + 0.5) * 8
SECOND = 1_000_000_000


def a_video(labelled=(1, 4)) -> Video:
    """Return ten frames in which one actor waves; only some are labelled."""
    frames = np.array(labelled)
    boxes = np.tile([4.0, 4, 40, 60], (len(frames), 1))
    return Video(
        'a.mp4',
        10.0,
        64,
        64,
        10,
        (ActorTrack(3, frames, boxes),),
        (Instance(3, 'wave', 0, SECOND),),
        labelled=frames,
    )


def predictions(frames: int) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    sides = torch.rand(frames, 64, 4) * 20
    boxes = torch.cat([CENTRES - sides[..., :2], CENTRES + sides[..., 2:]], -1)
    return boxes, torch.randn(frames, 64), torch.randn(frames, 64, 3)


def targets(frames: int) -> Targets:
    boxes = torch.tensor([4.0, 4, 36, 60]).expand(frames, 1, 4).clone()
    actions = torch.tensor([1.0, 0, 1]).expand(frames, 1, 3).clone()
    return Targets(boxes, actions, torch.ones(frames, 1, dtype=torch.bool))


def test_unknown_frames_do_not_change_the_loss():
    known = torch.tensor([True, False, True, False, False])
    guesses = [x.requires_grad_() for x in predictions(5)]
    got = detection_loss(DensePredictions(*guesses, CENTRES), replace(targets(5), known=known))
    want = detection_loss(
        DensePredictions(*(x[known] for x in predictions(5)), CENTRES), targets(2)
    )
    for name in ('actor', 'box', 'actions', 'total'):
        assert getattr(got, name) == getattr(want, name) > 0
    got.total.backward()
    for guess in guesses:
        assert guess.grad[~known].abs().sum() == 0
        assert guess.grad[known].abs().sum() > 0

    everything = replace(targets(5), known=torch.ones(5, dtype=torch.bool))
    same = detection_loss(DensePredictions(*predictions(5), CENTRES), everything)
    assert (
        same.total == detection_loss(DensePredictions(*predictions(5), CENTRES), targets(5)).total
    )
    assert same.total != got.total


def test_clips_without_a_known_frame_have_no_loss():
    guesses = [x.requires_grad_() for x in predictions(2)]
    known = torch.zeros(2, dtype=torch.bool)
    loss = detection_loss(DensePredictions(*guesses, CENTRES), replace(targets(2), known=known))
    assert loss.total == 0
    loss.total.backward()


def test_clips_end_at_a_labelled_frame():
    rng = np.random.default_rng(0)
    labelled = np.array([30, 60, 90])
    video = replace(a_video(), frames=100, fps=30.0, labelled=labelled, tracks=(), instances=())
    key_frames = KeyFrames([video], ('wave',), 0.5)
    keys = [key_frames.draw(rng)[1] for _ in range(60)]
    assert set(keys) == {30, 60, 90}
    ends = [choose_frames(rng, key, video, 4, 10.0, NO_AUGMENTATION)[-1] for key in keys]
    assert ends == keys
    early = choose_frames(rng, 2, video, 4, 10.0, NO_AUGMENTATION)
    assert early.tolist() == [0, 0, 0, 2]


def test_without_a_labelled_frame_there_is_nothing_to_learn():
    video = replace(a_video(), labelled=np.zeros(0, np.int64))
    with pytest.raises(AnnotationError, match='no labelled frame'):
        KeyFrames([video], ('wave',), 0.5)


def test_what_is_known_reaches_the_targets():
    images = np.zeros((10, 64, 64, 3), np.uint8)
    clip = VideoLabels(a_video(), ('wave',), 0).clip(np.arange(10), images)
    assert np.flatnonzero(clip.known).tolist() == [1, 4]
    assert np.flatnonzero(clip.visible[:, 0]).tolist() == [1, 4]
    names = ColumnNames(('wave',))
    sample = augment(np.random.default_rng(0), clip, (32, 32), names, NO_AUGMENTATION)
    all_known = replace(clip, known=None)
    other = augment(np.random.default_rng(0), all_known, (32, 32), names, NO_AUGMENTATION)
    batch = collate([sample, other])
    assert batch.targets(slice(None)).known.tolist() == [*clip.known.tolist(), *[True] * 10]
    assert batch.targets(slice(-1, None)).known.tolist() == [False, True]


def test_labelled_frames_are_kept_in_files(tmp_path):
    path = tmp_path / 'a.json'
    write_annotations(path, Annotations(('wave',), (a_video(),)))
    assert read_annotations(path).videos[0].labelled.tolist() == [1, 4]
    text = path.read_text()
    for wrong in ('[4, 1]', '[1, 10]', '[1.5]', '[-1]'):
        path.write_text(text.replace('"labelled": [1, 4]', f'"labelled": {wrong}'))
        with pytest.raises(AnnotationError, match='labelled frames must'):
            read_annotations(path)
