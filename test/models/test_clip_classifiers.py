"""Test that clip classifiers are what their sources publish: numbers, layouts, labels and sizes."""

from pathlib import Path

import parity
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import WeightsEnum, get_model, get_model_weights

from actloc_ros.models import c3d, p3d, registry, torchvision_video
from actloc_ros.models.architecture import adapt, build_network, load_network
from actloc_ros.models.entry import Entry, Task
from actloc_ros.models.ops.preprocessing import preprocess
from actloc_ros.models.state_dicts import shapes_of

TORCHVISION = [entry.name for entry in torchvision_video.ENTRIES]
ALL = [entry.name for family in (c3d, p3d, torchvision_video) for entry in family.ENTRIES]


@pytest.mark.parametrize('name', ['c3d_davidea', 'p3d199'])
def test_agrees_with_its_source(shared: Path, name: str) -> None:
    parity.check_file(shared / f'parity/{name}.json')


@pytest.mark.parametrize(
    ('name', 'parameters', 'gmac'),
    [
        ('c3d_sports1m', 79_991_015, 38.5),
        ('c3d_ucf101', 78_409_573, 38.5),
        ('p3d199_kinetics400', 66_492_240, None),
        ('r2plus1d_18_kinetics400', 31_505_325, 40.5),
    ],
)
def test_has_the_published_size(name: str, parameters: int, gmac: float | None) -> None:
    entry = registry.find_entry(name)
    with torch.device('meta'):
        network = network_of(entry)
        with FlopCounterMode(display=False) as counter:
            logits = network(torch.empty(clip_shape(entry)))
    assert logits.shape == (1, len(entry.labels))
    assert sum(p.numel() for p in network.parameters()) == parameters
    if gmac is not None:
        assert counter.get_total_flops() / 2e9 == pytest.approx(gmac, rel=0.02)


@pytest.mark.parametrize('name', ALL)
def test_an_entry_fits_its_network(name: str) -> None:
    entry = registry.find_entry(name)
    architecture = registry.architectures()[entry.architecture]
    assert architecture.task is Task.CLASSIFICATION
    with torch.device('meta'):
        state = network_of(entry).state_dict()
    assert architecture.classes(shapes_of(state)) == len(entry.labels) == len(set(entry.labels))


@pytest.mark.parametrize('name', ['c3d_ucf101', 'p3d199_kinetics400', 'swin3d_t_kinetics400'])
def test_a_checkpoint_is_recognized(name: str) -> None:
    entry = registry.find_entry(name)
    with torch.device('meta'):
        found = registry.identify(network_of(entry).state_dict())
    assert found is not None
    assert found[0].name == entry.architecture
    assert found[1].labels == entry.labels


def test_c3d_reads_mmaction2s_layout() -> None:
    convolutions = ['1a', '2a', '3a', '3b', '4a', '4b', '5a', '5b']
    layers = [f'backbone.conv{name}.conv' for name in convolutions]
    layers += ['backbone.fc6', 'backbone.fc7', 'cls_head.fc_cls']
    published = [f'{layer}.{kind}' for layer in layers for kind in ('weight', 'bias')]
    with torch.device('meta'):
        flat = c3d.C3D(101).state_dict()
    state = dict(zip(published, flat.values(), strict=True))
    found = registry.identify(state)
    assert found is not None
    architecture, entry = found
    assert entry.name == 'c3d_ucf101'
    adapted = adapt(architecture, state)
    assert list(adapted) == list(flat)
    assert all(adapted[key] is state[name] for key, name in zip(flat, published, strict=True))


@pytest.mark.parametrize('name', TORCHVISION)
def test_is_torchvisions_own_model(name: str) -> None:
    entry = registry.find_entry(name)
    model = entry.architecture
    with torch.device('meta'):
        ours, theirs = network_of(entry), get_model(model, weights=None).eval()
    assert str(ours) == str(theirs)  # every layer with its sizes, strides and epsilons
    assert shapes_of(ours.state_dict()) == shapes_of(theirs.state_dict())
    weights = weights_of(entry)
    assert list(entry.labels) == weights.meta['categories']
    assert sum(p.numel() for p in ours.parameters()) == weights.meta['num_params']


@pytest.mark.parametrize('name', TORCHVISION)
def test_prepares_a_tube_as_torchvision_prepares_the_image_around_it(name: str) -> None:
    entry = registry.find_entry(name)
    image, tube = image_and_tube(entry, frames=1)
    ours = preprocess(tube[0], entry.preprocessing, torch.float32)
    torch.testing.assert_close(ours, weights_of(entry).transforms()(image)[:, 0])


@pytest.mark.parametrize(
    ('model', 'frames', 'dtype'),
    [('r3d_18', 2, torch.float64), ('s3d', 14, torch.float32), ('swin3d_t', 2, torch.float32)],
)
def test_gives_torchvisions_numbers(model: str, frames: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    theirs = get_model(model, weights=None).eval()
    entry = registry.find_entry(model)
    ours = load_network(registry.architectures()[model], entry, theirs.state_dict())
    image, tube = image_and_tube(entry, frames)
    clip = torch.stack([preprocess(frame, entry.preprocessing, dtype) for frame in tube], 1)
    with torch.inference_mode():
        expected = theirs.to(dtype)(weights_of(entry).transforms()(image)[None].to(dtype))
        torch.testing.assert_close(ours.to(dtype)(clip[None]), expected, rtol=1e-4, atol=1e-5)


def image_and_tube(entry: Entry, frames: int) -> tuple[Tensor, Tensor]:
    """Return random images, uint8 (T, 3, H, W), and of them what torchvision's crop leaves."""
    torch.manual_seed(1)
    resized = weights_of(entry).transforms().resize_size
    height, width = resized if len(resized) == 2 else (resized[0], resized[0] + 44)
    zoom = 3  # odd: no pixel lies halfway between two levels, where rounding would be a choice
    image = torch.randint(0, 256, (frames, 3, height * zoom, width * zoom), dtype=torch.uint8)
    size = entry.preprocessing.height
    top, left = round((height - size) / 2) * zoom, round((width - size) / 2) * zoom
    return image, image[..., top : top + size * zoom, left : left + size * zoom]


def weights_of(entry: Entry) -> WeightsEnum:
    """Return torchvision's own weights of an entry."""
    return {weights.url: weights for weights in get_model_weights(entry.architecture)}[entry.url]


def network_of(entry: Entry) -> torch.nn.Module:
    """Return an entry's network with random weights."""
    return build_network(registry.architectures()[entry.architecture], entry)


def clip_shape(entry: Entry) -> tuple[int, ...]:
    """Return the shape of a batch of one clip."""
    return 1, 3, entry.frames, entry.preprocessing.height, entry.preprocessing.width
