"""Assignment, losses and batches of people_n."""

import numpy as np
import pytest
import torch

from actloc_ros.models.people_n.network import NetworkConfig, PeopleNetwork, RawPeople
from actloc_ros.training.people_n.assign import assign, make_grid
from actloc_ros.training.people_n.augment import Augmentation
from actloc_ros.training.people_n.batches import Batches, Targets
from actloc_ros.training.people_n.losses import LossWeights, PeopleLoss, field_targets
from actloc_ros.training.people_n.pictures import Picture, encode, parse_people

HEIGHT, WIDTH = 128, 160


def raw_people(batch=1, fill=0.0):
    cells = len(make_grid(HEIGHT, WIDTH).centres)
    centres = make_grid(HEIGHT, WIDTH).centres
    boxes = torch.cat([centres - 20, centres + 20], -1)[None].repeat(batch, 1, 1)
    return RawPeople(
        torch.full((batch, cells), fill, requires_grad=True),
        boxes.requires_grad_(),
        centres[None, :, None].repeat(batch, 1, 17, 1).requires_grad_(),
        torch.zeros(batch, cells, 17, requires_grad=True),
        torch.zeros(batch, 17, 2, HEIGHT // 8, WIDTH // 8, requires_grad=True),
    )


def targets(boxes=(), joints=None, background=True):
    count = len(boxes)
    known = torch.zeros(count, 17, 3) if joints is None else torch.tensor(joints).float()
    return Targets(
        torch.tensor(boxes).float().reshape(-1, 4),
        known,
        torch.full((count,), joints is not None),
        torch.full((HEIGHT, WIDTH), background),
    )


def gradients(raw, target):
    parts = PeopleLoss(LossWeights())(raw, [target])
    sum(parts.values()).backward()
    return parts, {name: getattr(raw, name).grad for name in raw._fields}


def test_nobody_teaches_all_cells_to_report_nobody():
    parts, grads = gradients(raw_people(), targets())
    assert parts['score'] > 0
    assert (grads['scores'] > 0).all()
    assert not any(parts[name].detach() for name in ('box', 'joint', 'presence', 'field'))


def test_ignored_and_unlabelled_regions_give_no_loss():
    target = targets(background=False)
    parts, grads = gradients(raw_people(), target)
    assert not any(value.detach() for value in parts.values())
    assert not grads['scores'].any()


def test_a_person_is_learned_where_nothing_else_is_known():
    parts, grads = gradients(raw_people(), targets([[40, 30, 80, 90]], background=False))
    taught = grads['scores'][0].nonzero()[:, 0]
    centres = make_grid(HEIGHT, WIDTH).centres[taught]
    assert len(taught)
    assert (grads['scores'][0][taught] < 0).all()
    assert ((centres - torch.tensor([60.0, 60.0])).abs() < 24).all()
    assert parts['box'] > 0
    assert not parts['joint'].detach()


def test_every_person_has_a_cell_and_a_cell_one_person():
    grid = make_grid(HEIGHT, WIDTH)
    people = torch.tensor([[0, 0, 12, 12], [60, 40, 90, 110], [80, 40, 110, 110], [2, 2, 150, 60]])
    people = people.float()
    boxes = torch.cat([grid.centres - 20, grid.centres + 20], -1)
    chosen = assign(grid, torch.zeros(len(boxes)), boxes, people)
    assert set(chosen.people.tolist()) == {0, 1, 2, 3}
    assert len(set(chosen.cells.tolist())) == len(chosen.cells)


def test_cells_that_fit_are_preferred():
    grid = make_grid(HEIGHT, WIDTH)
    person = torch.tensor([[40.0, 30, 80, 90]])
    boxes = torch.cat([grid.centres - 4, grid.centres + 4], -1)
    distance = (grid.centres - torch.tensor([60.0, 60.0])).abs().amax(-1)
    near = (distance < 12).nonzero()[:, 0]
    boxes[near[-1]] = person[0]
    chosen = assign(grid, torch.zeros(len(boxes)), boxes, person)
    assert near[-1] in chosen.cells
    assert chosen.overlap.max() == pytest.approx(1, abs=1e-5)


def test_joints_in_doubt_teach_nothing():
    sure, doubtful = np.full((1, 17, 3), 60.0), np.full((1, 17, 3), 60.0)
    sure[..., 2], doubtful[..., 2] = 1, 0.2
    box = [[40, 30, 80, 90]]
    _, grads = gradients(raw_people(), targets(box, doubtful))
    assert not grads['joints'].any()
    assert not grads['presence'].any()
    assert not grads['field'].any()
    _, grads = gradients(raw_people(), targets(box, sure))
    assert grads['joints'].any()
    assert (grads['presence'] <= 0).all()
    assert grads['field'].any()


def test_the_field_points_to_the_nearest_joint():
    joints = torch.zeros(2, 17, 3)
    joints[0, 0], joints[1, 0] = torch.tensor([20.0, 20, 1]), torch.tensor([44.0, 20, 1])
    boxes = torch.tensor([[0.0, 0, 100, 100], [0, 0, 100, 100]])
    wanted, near = field_targets(joints, boxes, torch.Size([8, 10]))
    assert near[0, 2, 2]
    assert wanted[0, :, 2, 2].tolist() == [0, 0]
    assert near[0, 2, 4]
    assert wanted[0, :, 2, 4].tolist() == [44 - 36, 0]
    assert not near[0, 7, 9]
    assert not near[1:].any()


def drawn_pictures(count=8):
    random = np.random.default_rng(0)
    pictures = []
    for i in range(count):
        image = random.integers(90, 120, (64, 64, 3), np.uint8)
        x, y = random.integers(4, 34), random.integers(2, 16)
        image[y : y + 44, x : x + 24] = (240, 40, 40)
        joints = [[x + 12, y + 6 + 2 * k, 1] for k in range(17)]
        people = [{'box': [x, y, x + 24, y + 44], 'joints': joints}]
        pictures.append(Picture(f'p{i}', 'drawn', encode(image), parse_people(people), True))
    nobody = random.integers(90, 120, (64, 64, 3), np.uint8)
    pictures.append(Picture('n', 'drawn', encode(nobody), parse_people([]), True))
    return pictures


def test_drawn_people_are_learned():
    torch.manual_seed(0)
    plain = Augmentation(0, (1, 1), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    batches = Batches(drawn_pictures(), {'drawn': 1}, 0.2, 5, [(64, 64)], plain, 300, 0)
    network = PeopleNetwork(NetworkConfig(8))
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    loss = PeopleLoss(LossWeights())
    for step in range(240):
        images, wanted = batches[step]
        total = sum(loss(network(images.float()), wanted).values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    images, wanted = batches[241]
    with torch.no_grad():
        raw = network(images.float())
    for i, target in enumerate(wanted):
        best = int(raw.scores[i].argmax())
        if len(target.boxes):
            assert raw.scores[i, best].sigmoid() > 0.4
            assert (raw.boxes[i, best] - target.boxes[0]).abs().max() < 8
            assert (raw.joints[i, best] - target.joints[0, :, :2]).abs().mean() < 8
        else:
            assert raw.scores[i, best].sigmoid() < 0.3


def test_a_batch_is_the_same_whenever_it_is_asked_for():
    batches = Batches(
        drawn_pictures(), {'drawn': 1}, 0.3, 3, [(96, 128), (64, 64)], Augmentation(), 9, 0
    )
    one, two = batches[5], batches[5]
    assert torch.equal(one[0], two[0])
    assert all(
        torch.equal(a, b)
        for p, q in zip(one[1], two[1], strict=True)
        for a, b in zip(p, q, strict=True)
    )
    with pytest.raises(ValueError, match='no set with a weight'):
        Batches(drawn_pictures(), {'other': 1}, 0.3, 3, [(96, 128)], Augmentation(), 9, 0)
