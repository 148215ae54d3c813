"""Files of people_n's weights, and its use as a person detector."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from actloc_ros.frames import Frame
from actloc_ros.models.detectors.base import DeviceImage
from actloc_ros.models.detectors.people_networks import PeopleNetworkDetector
from actloc_ros.models.people.open import PeopleNetwork as OpenedNetwork
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.people_n.network import NetworkConfig, PeopleNetwork
from actloc_ros.models.people_n.weights_file import PeopleWeights, read_weights, write_weights


def test_weights_come_back_as_they_were(tmp_path):
    torch.manual_seed(1)
    network = PeopleNetwork(NetworkConfig(8)).eval()
    path = tmp_path / 'people.safetensors'
    write_weights(path, PeopleWeights(network, 0.37))
    back = read_weights(path)
    assert back.threshold == 0.37
    assert not back.network.training
    images = torch.randint(0, 256, (1, 3, 64, 64)).float()
    with torch.inference_mode():
        assert torch.equal(network(images).boxes, back.network(images).boxes)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / 'x.safetensors'
    path.write_bytes(b'nothing')
    with pytest.raises(ValueError, match='holds no people_n network'):
        read_weights(path)
    save_file({'a': torch.zeros(1)}, path)
    with pytest.raises(ValueError, match='holds no people_n network'):
        read_weights(path)
    facts = {'config': '{"width": 8}', 'threshold': '0.5'}
    save_file({'a': torch.zeros(1)}, path, facts)
    with pytest.raises(ValueError, match='does not fit'):
        read_weights(path)


def find(image, least):
    """Report one person in every image."""
    assert least == 0.1
    boxes = np.array([[1, 2, image.shape[1], image.shape[0]]], np.float32)
    return FoundPeople(boxes, np.array([0.8], np.float32), np.zeros((1, 17, 3), np.float32))


def test_it_is_a_person_detector():
    image = np.zeros((48, 64, 3), np.uint8)
    frame = Frame(image=image, camera='a', stamp=7)
    detector = PeopleNetworkDetector(OpenedNetwork('x', find, 0.4, has_joints=True))
    (found,) = detector.detect([DeviceImage(frame, torch.zeros(3, 24, 32, dtype=torch.uint8))])
    assert detector.sure_score == 0.4
    assert found.boxes.tolist() == [[1, 2, 64, 48]]
    assert found.clip.end == 7
    assert found.actions.shape == (1, 0)
