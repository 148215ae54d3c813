"""Check networks of words against their references and open_clip, and labels that users write."""

import json

import numpy as np
import parity
import pytest
import torch
from painted import paint

from actloc_ros.cli.main import main
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models import registry
from actloc_ros.models.architecture import build_network, load_network
from actloc_ros.models.entry import Task
from actloc_ros.models.errors import ModelError, WeightsError
from actloc_ros.models.loading import OpenedNetwork, load_file
from actloc_ros.models.open import open_localizer
from actloc_ros.models.words.classifier import (
    TEMPLATES,
    WordsClassifier,
    check_activation,
    scores_of,
    tokenize,
)
from actloc_ros.models.words.clip import Clip, ClipLayout, make_clip
from actloc_ros.settings import settings_of
from actloc_ros.settings.specs import DEFAULTS

CASES = {
    'open_clip_vit_b_32': 'clip_vit_b_32',
    'open_clip_rn50': 'clip_rn50',
    'xclip_b_32_8': 'xclip_b_32_8',
    'xclip_b_16_8': 'xclip_b_16_8',
}
NONE = torch.device('cpu'), torch.float32


@pytest.mark.parametrize('name', CASES)
def test_keys_are_the_published_ones(shared, name):
    reference = json.loads((shared / f'parity2/{name}.json').read_text())
    state = {key: parity.empty(key, shape) for key, shape in reference['state_dict']}
    architecture, entry = registry.identify(state)
    assert (architecture.name, architecture.task) == (CASES[name], Task.WORDS)
    with torch.device('meta'):
        network = architecture.build(1)
    assert list(network.state_dict()) == list(state)
    assert sum(each.numel() for each in network.parameters()) == reference['parameters']
    assert entry.frames == reference.get('frames', entry.frames)


def test_text_of_the_reference_agrees(shared):
    """The image's part, which takes longer, is a case of `test/parity.py`."""
    folder, name = shared / 'parity2', 'open_clip_vit_b_32'
    reference = json.loads((folder / f'{name}.json').read_text())
    arrays, fill = np.load(folder / f'{name}.npz'), parity.load_fill(folder)
    state = parity.make_state(reference, arrays, fill)
    network = load_network(*registry.identify(state), state).double()
    tokens = fill.tokens(name, tuple(reference['tokens']))
    with torch.inference_mode():
        text = network.encode_text(torch.from_numpy(tokens)).numpy()
    assert np.abs(text - arrays['text']).max() < 1e-5 * np.abs(arrays['text']).max()
    words = tokenize(reference['sentences'])
    np.testing.assert_array_equal(words, arrays['words'])


@pytest.mark.parametrize('quick', [False, True])
@pytest.mark.parametrize('patch', [32, 0])
def test_agrees_with_open_clip_itself(patch, quick):
    open_clip = pytest.importorskip('open_clip')
    vision = {'image_size': 64, 'layers': [3, 4, 6, 3] if not patch else 2, 'width': 64}
    theirs = open_clip.CLIP(
        embed_dim=64,
        vision_cfg=vision | ({'patch_size': patch} if patch else {}),
        text_cfg={'width': 128, 'heads': 2, 'layers': 2, 'vocab_size': 49408},
        quick_gelu=quick,
    )
    mine = make_clip(ClipLayout(64, patch, quick, width=64, text_width=128, layers=2, size=64))
    torch.manual_seed(0)
    state = {
        key: value if value.dtype == torch.int64 else 0.05 + 0.1 * torch.rand_like(value)
        for key, value in theirs.state_dict().items()
    }
    theirs.load_state_dict(state, strict=True)
    mine.load_state_dict(state, strict=True)
    theirs, mine = theirs.double().eval(), mine.double().eval()
    images, tokens = torch.randn(2, 3, 64, 64).double(), tokenize(['a cat', 'she waves at him'])
    with torch.inference_mode():
        for a, b in (
            (mine.visual(images), theirs.encode_image(images)),
            (mine.encode_text(tokens), theirs.encode_text(tokens)),
        ):
            assert float((a - b).abs().max() / b.abs().max()) < 1e-5


class Colours(Clip):
    """Sees how red and how blue a clip is, and reads the same in words."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.logit_scale = torch.nn.Parameter(torch.tensor(np.log(20.0)))
        self.texts = 0

    def encode_video(self, clip):
        """Return (B, 3): red, blue, neither."""
        red, blue = clip[:, 0].mean((1, 2, 3)), clip[:, 2].mean((1, 2, 3))
        return torch.stack([red, blue, 1 - torch.maximum(red, blue)], 1).float()

    def encode_text(self, tokens):
        """Return the same of sentences that have the words."""
        self.texts += len(tokens)
        names = [tokenize([name])[0, 1] for name in ('red', 'blue')]
        found = torch.stack([(tokens == name).any(1) for name in names], 1).float()
        return torch.cat([found, 1 - found.amax(1, keepdim=True)], 1)


def colours(labels=('someone red', 'someone blue'), none=0.0):
    architecture = registry.architectures()['clip_vit_b_32']
    entry = registry.entries()['clip_vit_b_32_words']
    plain = entry.preprocessing.__class__(8, 8)
    entry = entry.__class__(**{**entry.__dict__, 'preprocessing': plain})
    opened = OpenedNetwork(architecture, entry, Colours())
    return WordsClassifier(opened, labels, none, *NONE), opened.network


def seen(classifier, colour):
    image = torch.tensor(colour, dtype=torch.uint8)[:, None, None].expand(3, 20, 20)
    return classifier.classify([classifier.prepare([image] * 8)])[0]


def test_words_are_found_and_what_is_none_of_them_is_not():
    classifier, _ = colours()
    assert classifier.labels == ('someone red', 'someone blue')
    red, blue, dark = (seen(classifier, c) for c in ((250, 0, 0), (0, 0, 250), (0, 0, 0)))
    assert red[0] > 0.9 > 0.1 > red[1]
    assert blue[1] > 0.9 > 0.1 > blue[0]
    assert max(dark) < 0.1


def test_more_is_none_of_these_where_the_user_says_so():
    scores = [seen(colours(none=none)[0], (150, 0, 0))[0] for none in (-5.0, 0.0, 5.0)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] - scores[2] > 0.1


def test_sentences_of_none_count_by_their_mean():
    logits = torch.tensor([[2.0, 1.0, 0.0, 0.0, 0.0]])
    expected = torch.tensor([2.0, 1.0, 0.0]).softmax(0)[:2]
    torch.testing.assert_close(scores_of(logits, 2, 0.0)[0], expected)


def test_text_is_encoded_once():
    classifier, network = colours()
    encoded = network.texts
    assert encoded == 2 * len(TEMPLATES) + 5
    for _ in range(3):
        seen(classifier, (250, 0, 0))
    assert network.texts == encoded


@pytest.mark.parametrize(
    ('labels', 'message'),
    [
        ((), "set the parameter labels, such as \\['a person waving'"),
        (('a', 'A '), 'each must be there once'),
        (('a', ' '), 'not be empty'),
        (('word ' * 90,), 'longer than 75 tokens'),
    ],
)
def test_labels_that_cannot_be_told_apart_are_refused(labels, message):
    with pytest.raises(ModelError, match=message):
        colours(labels)


@pytest.mark.parametrize(
    ('model', 'file', 'ask'),
    [
        ('clip_vit_b_32', 'ViT-B-32-openai.pt', 'clip_vit_b_32_quickgelu'),
        ('clip_vit_b_32', 'vit_b_32-laion400m_e32.pt', 'clip_vit_b_32_quickgelu'),
        ('clip_vit_b_32_quickgelu', 'vit-b-32-laion2b_s34b_b79k.safetensors', 'clip_vit_b_32;'),
        ('clip_rn50', 'rn50-quickgelu-yfcc15m.pt', 'clip_rn50_quickgelu'),
    ],
)
def test_a_file_of_the_other_activation_is_refused(model, file, ask):
    with pytest.raises(WeightsError, match=f'ask for {ask}.*answer worse'):
        check_activation(model, f'/models/{file}')
    with pytest.raises(WeightsError, match=f'ask for {ask}.*answer worse'):
        check_activation(f'{model}_words', f'/models/{file}')
    check_activation('clip_vit_b_32', '/openai/mine.pt')
    check_activation('clip_vit_b_32_quickgelu_words', 'ViT-B-32-openai.pt')
    check_activation('mc3_18', 'openai.pt')


def test_what_openai_adds_tells_the_activation(tmp_path):
    entry = registry.entries()['clip_rn50_quickgelu_words']
    network = build_network(registry.architectures()['clip_rn50_quickgelu'], entry)
    state = network.state_dict() | {'input_resolution': torch.tensor(224)}
    torch.save(state, tmp_path / 'rn50.pt')
    load_file('clip_rn50_quickgelu', tmp_path / 'rn50.pt')
    with pytest.raises(WeightsError, match='input_resolution'):
        load_file('clip_rn50', tmp_path / 'rn50.pt')


def test_convert_does_not_guess_the_activation(tmp_path, capsys):
    entry = registry.entries()['clip_rn50_words']
    network = build_network(registry.architectures()['clip_rn50'], entry)
    torch.save(network.state_dict(), tmp_path / 'rn50.pt')
    assert main(['convert', str(tmp_path / 'rn50.pt')]) == 2
    assert 'fits clip_rn50 and clip_rn50_quickgelu' in capsys.readouterr().err


def test_labels_are_a_parameter_of_models_that_take_words():
    settings = settings_of({**DEFAULTS, 'labels': ['a person waving', 'a fall']})
    assert settings.localizer.labels == ('a person waving', 'a fall')
    assert settings_of(dict(DEFAULTS)).localizer.labels == ()
    for model in ('pose_n', 'hog+mc3_18', 'ensemble(motion,pose_n)'):
        with pytest.raises(ModelError, match='has labels of its own'):
            open_localizer(model, settings.localizer)


def test_opened_behind_a_detector():
    options = LocalizerOptions(
        random_weights=True,
        labels=('a person waving', 'a person lying down'),
        extra={'words.none': 1.0, 'classify_rate': 2.0},
    )
    localizer = open_localizer('view+clip_rn50', options)
    (found,) = localizer.step([paint(0, [((10, 10, 50, 50), (9, 9, 9))])])
    assert localizer.labels == ('a person waving', 'a person lying down')
    assert found.actions.shape == (1, 2)
    assert 0 < found.actions.sum() < 1
    localizer.close()
