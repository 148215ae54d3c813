"""Check assignment and loss of dense detectors on cases whose answer is plain."""

import torch

from actloc_ros.training.adapter import DensePredictions
from actloc_ros.training.assign import Targets, assign, inside, pairwise_overlap
from actloc_ros.training.losses import detection_loss

CENTRES = torch.stack(torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing='xy'), -1)
CENTRES = (CENTRES.reshape(-1, 2) + 0.5) * 8


def targets():
    """Return two frames: two overlapping actors, and one actor beside padding."""
    boxes = torch.tensor(
        [[[4.0, 4, 36, 60], [28.0, 4, 60, 60]], [[10.0, 10, 30, 50], [0.0, 0, 0, 0]]]
    )
    actions = torch.tensor([[[1.0, 0, 0], [0, 1, 1]], [[0, 0, 1], [0, 0, 0]]])
    return Targets(boxes, actions, torch.tensor([[True, True], [True, False]]))


def test_overlap():
    a = torch.tensor([[[0.0, 0, 2, 2], [0, 0, 0, 0]]])
    b = torch.tensor([[[0.0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]]])
    want = torch.tensor([[[1, 1 / 3, 0], [0, 0, 0]]])
    torch.testing.assert_close(pairwise_overlap(a, b), want)


def test_a_box_between_centres_takes_the_nearest():
    chosen = inside(CENTRES, torch.tensor([[[6.0, 6, 10, 10], [20, 20, 21.0, 21]]]))
    assert chosen[0, 0].sum() == 1
    assert chosen[0, 1].sum() == 1
    assert CENTRES[chosen[0, 1]].tolist() == [[20.0, 20.0]]


def test_a_place_predicts_one_actor_and_padding_gets_none():
    want = targets()
    torch.manual_seed(0)
    boxes = want.boxes[:, torch.randint(0, 2, (64,))] + torch.randn(2, 64, 4)
    assigned = assign(boxes, torch.zeros(2, 64), CENTRES, want)
    assert ((assigned.quality >= 0) & (assigned.quality <= 1)).all()
    assert 0 < (assigned.quality[0] > 0).sum() <= 20
    assert (assigned.actor[1][assigned.quality[1] > 0] == 0).all()
    for actor in (0, 1):
        places = (assigned.quality[0] > 0) & (assigned.actor[0] == actor)
        assert places.any()
        assert inside(CENTRES, want.boxes[:1, actor : actor + 1])[0, 0][places].all()


def test_frames_without_actors_only_push_scores_down():
    empty = Targets(torch.zeros(1, 2, 4), torch.zeros(1, 2, 3), torch.zeros(1, 2, dtype=torch.bool))
    actor = torch.zeros(1, 64, requires_grad=True)
    boxes = torch.rand(1, 64, 4, requires_grad=True)
    loss = detection_loss(DensePredictions(boxes, actor, torch.zeros(1, 64, 3), CENTRES), empty)
    loss.total.backward()
    assert loss.box == loss.actions == 0
    assert (actor.grad > 0).all()


def test_predictions_that_follow_the_gradient_reach_the_targets():
    want = targets()
    torch.manual_seed(0)
    sides = torch.full((2, 64, 4), 12.0).requires_grad_()
    actor = torch.zeros(2, 64, requires_grad=True)
    actions = torch.zeros(2, 64, 3, requires_grad=True)
    optimizer = torch.optim.Adam(
        [{'params': [sides], 'lr': 1.0}, {'params': [actor, actions], 'lr': 0.2}]
    )
    for _ in range(300):
        boxes = torch.cat([CENTRES - sides[..., :2], CENTRES + sides[..., 2:]], -1)
        loss = detection_loss(DensePredictions(boxes, actor, actions, CENTRES), want)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
    overlap = pairwise_overlap(want.boxes, boxes.detach())
    for frame, index in ((0, 0), (0, 1), (1, 0)):
        at = overlap[frame, index] > 0.9
        assert at.any()
        best = (actor[frame] - 100 * ~at).argmax()
        assert actor[frame, best].sigmoid() > 0.6
        assert ((actions[frame, best] > 0) == (want.actions[frame, index] > 0.5)).all()
    background = overlap.amax(1) < 0.1
    assert (actor[background].sigmoid() < 0.3).all()
