"""Tests that a trained detector's scores are shifted to be right from 0.5 on."""

import numpy as np
import pytest
import torch

from actloc_ros.models.architecture import ActorPredictions
from actloc_ros.models.registry import architectures
from actloc_ros.models.stream.decode import action_scores
from actloc_ros.training.adapter import new_adapter
from actloc_ros.training.calibrate import (
    FARTHEST,
    ScoredBoxes,
    best_shift,
    best_shifts,
    calibrate,
    needed_shift,
    score_boxes,
)
from actloc_ros.training.validation import KeyFramePrediction, KeyFrameTruth


def test_the_needed_shift_makes_the_score_one_half():
    actor = torch.tensor([0.9, 0.5, 0.3])
    probability = torch.tensor([[0.1, 0.8], [0.5, 0.2], [0.01, 0.99]])
    shift = needed_shift(actor, action_scores(actor, probability))
    shifted = (probability.double().logit() + shift).sigmoid()
    torch.testing.assert_close(
        action_scores(actor, shifted), torch.full((3, 2), 0.5).double(), atol=1e-4, rtol=0
    )


def test_the_needed_shift_is_that_of_a_geometric_mean():
    actor, probability = torch.tensor([0.8]), torch.tensor([[0.1, 0.6]])
    shift = needed_shift(actor, (probability * actor).sqrt())
    shifted = (probability.double().logit() + shift).sigmoid()
    torch.testing.assert_close(
        (shifted * actor).sqrt(), torch.full((1, 2), 0.5).double(), atol=1e-4, rtol=0
    )


def test_no_shift_is_enough_where_hardly_an_actor_is():
    assert needed_shift(torch.tensor([0.2]), torch.tensor([[0.2]])).item() == np.inf


def test_the_best_shift_parts_right_from_wrong():
    needed = np.array([1.0, 1.2, 1.4, 3.0, 3.5])
    right = np.array([True, True, True, False, False])
    assert 1.2 < best_shift(needed, right, 3) <= 1.5
    # What is certain already counts as predicted, whatever the shift.
    sure = np.array([-9.0, -9.0, 1.0])
    assert best_shift(sure, np.array([True, True, True]), 3) == 1.0
    assert best_shift(sure, np.array([True, True, False]), 2) == -FARTHEST
    # Nor can one of four with the same score be predicted alone.
    together = np.array([1.0, 1.0, 1.0, 1.0, 2.0])
    assert best_shift(together, np.array([True, False, False, False, True]), 2) == 2.0


def test_what_is_not_found_does_not_shift():
    assert best_shift(np.array([1.0, 2.0]), np.array([False, False]), 30) == 0.0
    assert best_shift(np.array([np.inf]), np.array([True]), 30) == 0.0


def test_labels_hardly_shown_stay_as_they_are():
    scored = ScoredBoxes(np.full((30, 2), 1.0), np.ones((30, 2), bool), np.array([30, 19]))
    assert best_shifts(scored).tolist() == [1.0, 0.0]


def test_boxes_are_compared_in_pixels_of_the_recording_one_to_one():
    actors = ActorPredictions(
        torch.tensor([[0.0, 0, 10, 20], [0, 0, 10, 19], [40, 40, 60, 60]]),
        torch.tensor([0.9, 0.8, 0.7]),
        torch.full((3, 2), 0.6),
    )
    truth = KeyFrameTruth(
        np.array([[0, 0, 20, 40], [200, 200, 220, 220.0]]), np.array([[1, 0], [1, 1.0]]), (192, 192)
    )
    scored = score_boxes(
        KeyFramePrediction(torch.zeros(3, 96, 96, dtype=torch.uint8), actors), truth
    )
    assert scored.right.tolist() == [[True, False], [False, False], [False, False]]
    assert scored.all.tolist() == [2, 1]
    empty = KeyFrameTruth(np.zeros((0, 4)), np.zeros((0, 2)), (192, 192))
    assert not score_boxes(
        KeyFramePrediction(torch.zeros(3, 96, 96, dtype=torch.uint8), actors), empty
    ).right.any()


class Shown:
    """Recordings of 30 key frames with an actor each, who does the second of three actions."""

    keys = tuple(range(30))
    truths = (KeyFrameTruth(np.array([[0.0, 0, 32, 32]]), np.array([[0.0, 1, 0]]), (64, 64)),) * 30

    def predict(self, key, network, device):
        """Find the actor and one who is not there, both too unsure of what they do."""
        boxes = torch.tensor([[0.0, 0, 32, 32], [32, 32, 64, 64]])
        scores = torch.tensor([[0.1, 0.3, 0.1], [0.1, 0.1, 0.1]])
        return KeyFramePrediction(
            torch.zeros(3, 64, 64), ActorPredictions(boxes, torch.tensor([0.9, 0.9]), scores)
        )


@pytest.mark.parametrize('name', ['stream_n', 'yowov2_nano'])
def test_the_biases_of_the_network_take_the_shift(name):
    detector = new_adapter(architectures()[name], ('a', 'b', 'c'))
    biases = detector.action_biases(detector.network)
    before = [bias.detach().clone() for bias in biases]
    shifts = calibrate(detector, Shown(), detector.network, torch.device('cpu'))
    assert len(biases) == 3
    assert shifts[0] == shifts[2] == 0
    assert shifts[1] > 1
    for bias, old in zip(biases, before, strict=True):
        assert bias.shape == (3,)
        torch.testing.assert_close(bias - old, torch.from_numpy(shifts).float())
