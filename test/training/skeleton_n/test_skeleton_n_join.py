"""A joined network gives each label as the network does that it is taken from."""

import pytest
import torch

from actloc_ros.models.skeleton_n.actions import SkeletonSession
from actloc_ros.models.skeleton_n.features import FEATURES
from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.training.skeleton_n.join import join, main
from actloc_ros.training.skeleton_n.trained import Trained, read_trained, write_trained

NAMES = ['standing', 'falling', 'lying']


def trained(seed, width, labels=NAMES, layers=2, graph=0):
    torch.manual_seed(seed)
    network = SkeletonNet(len(labels), width, layers, graph).eval()
    return Trained(network, list(labels), [0.5 + 0.1 * seed] * len(labels))


def logits(network):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(4, 6, FEATURES, generator=generator)
    elapsed, present = torch.full((4, 6), 0.1), torch.ones(4, 6, dtype=torch.bool)
    with torch.no_grad():
        return network(features, elapsed, present, network.initial_state(4))[0]


def test_each_label_is_that_of_its_network():
    first, second = trained(1, 8), trained(2, 12)
    joined = join(first, second, ['falling'])
    found = logits(joined.network)
    torch.testing.assert_close(found[..., [0, 2]], logits(first.network)[..., [0, 2]])
    torch.testing.assert_close(found[..., 1], logits(second.network)[..., 1])
    assert joined.thresholds == [0.6, 0.7, 0.6]


def test_files_are_joined_to_files_that_run(tmp_path):
    for name, one in (('a', trained(1, 8)), ('b', trained(2, 8))):
        (tmp_path / name).mkdir()
        write_trained(one, tmp_path / name)
    paths = [str(tmp_path / name / 'skeleton_n.safetensors') for name in 'ab']
    main([*paths, '--labels', 'lying', '--out', str(tmp_path / 'both')])
    assert read_trained(tmp_path / 'both' / 'skeleton_n.safetensors').thresholds[2] == 0.7
    assert SkeletonSession(tmp_path / 'both' / 'skeleton_n.onnx').labels == tuple(NAMES)


@pytest.mark.parametrize(
    ('second', 'labels', 'said'),
    [
        (trained(2, 8, ['standing']), ['standing'], 'labels'),
        (trained(2, 8, layers=1), ['lying'], 'layers 2 and 1'),
        (trained(2, 8, graph=4), ['lying'], 'a graph'),
        (trained(2, 8), ['flying'], 'no label flying'),
    ],
)
def test_what_does_not_fit_is_refused(second, labels, said):
    with pytest.raises(ValueError, match=said):
        join(trained(1, 8), second, labels)
