"""The second look of joints_n: how scores change, whose do, and that joints stay."""

import numpy as np
import onnx
import pytest
import torch

from actloc_ros.models.joints_n.export import export_onnx
from actloc_ros.models.joints_n.network import JointsNetwork
from actloc_ros.models.joints_n.person_head import FEATURES, PersonHead
from actloc_ros.models.joints_n.second_look import METADATA, SecondLook, chances, log_odds, moved
from actloc_ros.models.joints_n.session import JointsSession
from actloc_ros.models.people.open import open_people
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.people_n.export import export_onnx as export_people
from actloc_ros.models.people_n.network import NetworkConfig as PeopleConfig
from actloc_ros.models.people_n.network import PeopleNetwork
from actloc_ros.training.second_look.fit import feature_reader
from actloc_ros.training.second_look.publish import with_second_look

LOOK = SecondLook(detector=0.5, crop=2.0, bias=0.25, least=-3.0, sure=2.0)
THRESHOLD = 0.6
IMAGE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
BOXES = np.array([[10, 10, 50, 110], [80, 20, 150, 60], [60, 30, 90, 110]], np.float32)


@pytest.fixture(scope='module')
def parts(tmp_path_factory):
    """Return a head, a file of joints alone and the same file with a second look."""
    torch.manual_seed(0)
    head = PersonHead().eval()
    head.mean.uniform_(-1, 1)
    head.spread.uniform_(1, 2)
    plain = tmp_path_factory.mktemp('look') / 'plain.onnx'
    export_onnx(JointsNetwork().eval(), plain)
    both = plain.with_name('joints_n.onnx')
    both.write_bytes(with_second_look(plain, head, LOOK))
    return head, plain, both


def found(*scores):
    joints = np.zeros((len(scores), 17, 3), np.float32)
    return FoundPeople(BOXES[: len(scores)], np.array(scores, np.float32), joints)


def test_joints_stay_and_the_answers_are_the_heads_own(parts):
    head, plain, both = parts
    alone, looking = JointsSession(plain), JointsSession(both)
    np.testing.assert_array_equal(alone.joints(IMAGE, BOXES), looking.joints(IMAGE, BOXES))
    features = feature_reader(plain)(IMAGE, BOXES)
    assert features.shape == (3, FEATURES)
    with torch.inference_mode():
        wanted = head(torch.from_numpy(features))
    np.testing.assert_allclose(looking.person(IMAGE, BOXES), wanted, atol=1e-4)
    assert looking.person(IMAGE, BOXES[:0]).shape == (0,)


def test_a_later_look_takes_the_place_of_the_one_before(parts):
    head, _, both = parts
    other = SecondLook(1.0, 1.0, 0.0, -1.0, 1.0)
    again = onnx.load_from_string(with_second_look(both, head, other))
    once = onnx.load(str(both))
    assert len(again.graph.node) == len(once.graph.node)
    assert {each.key: each.value for each in again.metadata_props}[METADATA] == other.text()


def test_what_is_no_joints_n_gets_no_look(parts, tmp_path):
    path = tmp_path / 'people.onnx'
    export_people(PeopleNetwork(PeopleConfig(16, (2, 6, 7, 9))).eval(), path, 0.5)
    with pytest.raises(ValueError, match='no joints_n'):
        with_second_look(path, parts[0], LOOK)


def test_scores_are_relative_to_the_threshold_of_the_detector():
    scores = np.array([0.2, THRESHOLD, 0.9], np.float32)
    new = LOOK.scores(scores, THRESHOLD, np.array([0.0, -0.125, 3.0], np.float32))
    assert new[1] == pytest.approx(THRESHOLD, abs=1e-6)
    away = 0.5 * (log_odds(0.9) - log_odds(THRESHOLD)) + 6.25
    assert new[2] == pytest.approx(chances(away + log_odds(THRESHOLD)), abs=1e-6)
    assert moved(THRESHOLD, -3.0) == pytest.approx(chances(log_odds(THRESHOLD) - 3), abs=1e-6)
    assert moved(THRESHOLD, 0.0) == pytest.approx(THRESHOLD)
    assert LOOK.doubtful(np.array([0.5, 0.99], np.float32), THRESHOLD).tolist() == [True, False]
    assert np.isfinite(log_odds([0, 1])).all()
    assert SecondLook.parse(LOOK.text()) == LOOK


def test_a_part_of_somebody_is_nobody_of_their_own():
    boxes = np.array([[0, 0, 40, 100], [5, 0, 35, 40], [60, 0, 100, 100], [70, 0, 110, 90]], 'f4')
    scores = np.array([0.8, 0.3, 0.3, 0.7], np.float32)
    person = np.array([3.0, 2.9, 3.0, np.nan], np.float32)
    new = LOOK.judge(boxes, scores, THRESHOLD, person)
    alone = LOOK.scores(scores, THRESHOLD, person)
    assert alone[1] > THRESHOLD
    assert new[1] == scores[1]  # the head of the first
    assert new[[0, 2]].tolist() == alone[[0, 2]].tolist()  # nobody scores higher there
    assert new[3] == scores[3]
    reported = np.array([0.8, 0.7, 0.3, 0.7], np.float32)
    assert LOOK.judge(boxes, reported, THRESHOLD, person)[1] > reported[1]  # found as a person
    assert LOOK.judge(boxes[:0], scores[:0], THRESHOLD, person[:0]).shape == (0,)


def test_those_in_doubt_are_looked_at(parts):
    session = JointsSession(parts[2])
    given = found(0.99, 0.3, 0.5)
    person = session.person(IMAGE, BOXES)
    person[0] = np.nan
    judged = session.judge(IMAGE, given, THRESHOLD)
    assert judged.scores[0] == given.scores[0]
    np.testing.assert_allclose(
        judged.scores, LOOK.judge(BOXES, given.scores, THRESHOLD, person), atol=1e-5
    )
    assert not judged.joints.any()
    refined = session.refine(IMAGE, given)
    assert refined.joints.any((1, 2)).all()
    assert refined.scores.tolist() == given.scores.tolist()
    assert given.scores[1] == np.float32(0.3)


def test_without_a_look_scores_stay(parts):
    session = JointsSession(parts[1])
    assert session.second_look is None
    assert session.judge(IMAGE, found(0.3), THRESHOLD).scores.tolist() == [np.float32(0.3)]


def test_what_ships_looks_twice_if_it_has_a_second_look():
    network = open_people('people_n', 'cpu', 1)
    look = JointsSession(network.files[1]).second_look
    least = network.threshold if look is None else moved(network.threshold, look.least)
    assert network.candidate_score == least <= network.threshold
    boxes = network.boxes(IMAGE, network.candidate_score)
    assert len(boxes.boxes) == len(network.find(IMAGE, network.candidate_score).boxes)
