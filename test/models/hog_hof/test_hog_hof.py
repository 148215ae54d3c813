"""Check that training on labelled clips gives a classifier that distinguishes them in new ones."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from actloc_ros.cli.main import main
from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.errors import ModelError
from actloc_ros.models.hog_hof.classifier import load_classifier
from actloc_ros.models.hog_hof.descriptor import DescriptorSettings
from actloc_ros.models.hog_hof.fisher import Codebook
from actloc_ros.models.open import open_localizer
from actloc_ros.training.hog_hof.fit import fit, read_samples
from actloc_ros.truth.annotations import ActorTrack, Annotations, Instance, Video
from actloc_ros.truth.plain_json import write_annotations

RATE = 15
SECONDS = 2.0
LABELS = ('nodding', 'shaking')


def film(label: str, seed: int, seconds: float = SECONDS) -> list[np.ndarray]:
    """Return images of a textured figure that moves up and down (nodding) or to and fro."""
    rng = np.random.default_rng(seed)
    noise = rng.random((240, 320, 3)).astype(np.float32)
    wall = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)
    noise = rng.random((110, 60, 3)).astype(np.float32)
    figure = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)
    phase, size, pace = rng.uniform(0, 6), rng.uniform(14, 20), rng.uniform(0.8, 1.1)
    images = []
    for index in range(round(seconds * RATE)):
        swing = size * np.sin(2 * np.pi * pace * index / RATE + phase)
        x, y = (130, 60 + swing) if label == 'nodding' else (130 + swing, 60)
        image = wall.copy()
        place = np.array([[1, 0, x], [0, 1, y]])
        cv2.warpAffine(figure, place, (320, 240), image, borderMode=cv2.BORDER_TRANSPARENT)
        images.append(image.astype(np.uint8))
    return images


def write(path: Path, images: list[np.ndarray]) -> None:
    """Write a video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 320, 240, 'yuv420p'
        stream.bit_rate = 4_000_000
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, 'rgb24')))
        container.mux(stream.encode())


@pytest.fixture(scope='module')
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a folder of three videos for each label."""
    folder = tmp_path_factory.mktemp('clips')
    for label in LABELS:
        for seed in range(3):
            write(folder / label / f'{seed}.mp4', film(label, seed))
    return folder


@pytest.fixture(scope='module')
def weights(clips: Path) -> Path:
    """Return a trained file."""
    path = clips.parent / 'clips.safetensors'
    assert main(['train', str(clips), '--model', 'hog-hof', '--out', str(path)]) == 0
    return path


def localize(weights: Path, label: str) -> np.ndarray:
    """Return the newest scores (C,) of the best actor in a new film."""
    localizer = open_localizer('hog_hof', LocalizerOptions(weights=str(weights)))
    best = np.zeros(len(localizer.labels))
    for index, image in enumerate(film(label, 77)):
        found = localizer.step([Frame('', nanoseconds(index / RATE), image)])[0]
        if len(found):
            best = found.actions[found.scores.argmax()]
    return best


@pytest.mark.parametrize('label', LABELS)
def test_trained_actions_are_told_apart_in_new_films(weights: Path, label: str) -> None:
    scores = localize(weights, label)
    assert LABELS[int(scores.argmax())] == label
    assert scores.max() > 2 * scores.min()


def test_training_is_deterministic(clips: Path) -> None:
    settings = DescriptorSettings()
    samples = read_samples(clips, settings, whole_image=True)
    once, again = (fit(samples, settings, seed=3) for _ in range(2))
    for name in ('weight', 'bias', 'slope', 'offset'):
        assert np.array_equal(getattr(once, name), getattr(again, name))
    assert np.array_equal(
        samples.descriptors, read_samples(clips, settings, whole_image=True).descriptors
    )


def test_file_keeps_every_number(weights: Path, tmp_path: Path) -> None:
    classifier = load_classifier(weights)
    assert classifier.labels == LABELS
    classifier.save(tmp_path / 'copy.safetensors')
    assert (tmp_path / 'copy.safetensors').read_bytes() == weights.read_bytes()
    descriptors = np.random.default_rng(0).random((5, classifier.codebook.length))
    copy = load_classifier(tmp_path / 'copy.safetensors')
    assert np.array_equal(copy.scores(descriptors), classifier.scores(descriptors))


def test_scores_are_a_logistic_function_of_the_margin(weights: Path) -> None:
    trained = load_classifier(weights)
    one = np.ones(1, np.float32)
    weight = np.zeros((1, trained.codebook.length), np.float32)
    weight[0, 0] = 2
    classifier = replace(
        trained, labels=('a',), weight=weight, bias=one, slope=-3 * one, offset=0.5 * one
    )
    descriptor = np.zeros((1, trained.codebook.length))
    descriptor[0, 0] = 0.25
    assert classifier.scores(descriptor)[0, 0] == pytest.approx(1 / (1 + np.exp(-3 * 1.5 + 0.5)))


def damage_text(path: Path) -> None:
    path.write_text('not a model')


def damage_shape(path: Path) -> None:
    classifier = load_classifier(path)
    replace(classifier, weight=classifier.weight[:, :-1]).save(path)


def damage_labels(path: Path) -> None:
    classifier = load_classifier(path)
    replace(classifier, labels=(*classifier.labels, 'more')).save(path)


def damage_numbers(path: Path) -> None:
    classifier = load_classifier(path)
    replace(classifier, bias=classifier.bias * np.float32(np.nan)).save(path)


def damage_settings(path: Path) -> None:
    about = {'version': 2, 'labels': ['a'], 'settings': {'words': 0}}
    save_file(load_file(path), path, {'actloc-hog-hof': json.dumps(about)})


def damage_version(path: Path) -> None:
    save_file(load_file(path), path, {'actloc-hog-hof': json.dumps({'version': 3})})


def damage_book(path: Path) -> None:
    classifier = load_classifier(path)
    books = dict(classifier.codebook.books)
    books['flow'] = replace(books['flow'], variances=-books['flow'].variances)
    replace(classifier, codebook=Codebook(books)).save(path)


def damage_metadata(path: Path) -> None:
    save_file(load_file(path), path, {'entry': 'yowo'})


@pytest.mark.parametrize(
    ('damage', 'reason'),
    [
        (damage_text, 'not a safetensors file'),
        (damage_shape, 'it must have'),
        (damage_labels, 'for 3 labels'),
        (damage_numbers, 'bias'),
        (damage_settings, 'unusable'),
        (damage_version, 'version 3'),
        (damage_book, 'flow.variances must be above 0'),
        (damage_metadata, 'no model of hog_hof'),
    ],
)
def test_damaged_and_foreign_files_are_refused(
    weights: Path, tmp_path: Path, damage: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / 'damaged.safetensors'
    path.write_bytes(weights.read_bytes())
    damage(path)
    with pytest.raises(ModelError, match=reason) as caught:
        open_localizer('hog_hof', LocalizerOptions(weights=str(path)))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(('path', 'reason'), [('', 'needs weights'), ('/none', 'no file /none')])
def test_missing_weights_say_how_to_make_them(path: str, reason: str) -> None:
    with pytest.raises(ModelError, match=f'{reason}.*actloc train'):
        open_localizer('hog_hof', LocalizerOptions(weights=path))


def test_unusable_data_is_refused(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    def error_of(data: Path, *more: str) -> str:
        out = str(tmp_path / 'out.safetensors')
        assert main(['train', str(data), '--model', 'hog-hof', '--out', out, *more]) == 2
        return capsys.readouterr().err

    assert '/none does not exist' in error_of(Path('/none'))
    assert 'folder of recordings for each of 2' in error_of(clips / LABELS[0])
    assert "'running'" in error_of(clips, '--labels', 'nodding', 'running')
    for label in LABELS:
        write(tmp_path / 'few' / label / 'one.mp4', film(label, 0, 1.0))
    assert "'nodding' needs 2 videos" in error_of(tmp_path / 'few', '--whole-image')


def test_annotated_videos_train_the_actions_of_each_actor(clips: Path, tmp_path: Path) -> None:
    videos = []
    for path in sorted(clips.glob('*/*.mp4')):
        frames = np.arange(round(SECONDS * RATE))
        boxes = np.tile([110.0, 40.0, 210.0, 190.0], (len(frames), 1))
        span = nanoseconds(SECONDS)
        doing = Instance(1, path.parent.name, 0, span)
        name = f'{path.parent.name}/{path.name}'
        tube = ActorTrack(1, frames, boxes)
        videos.append(Video(name, RATE, 320, 240, len(frames), (tube,), (doing,)))
    annotations = Annotations(('shaking', 'nodding'), tuple(videos))
    file = tmp_path / 'truth.json'
    write_annotations(file, annotations)
    for label in LABELS:
        (tmp_path / label).symlink_to(clips / label)
    out = tmp_path / 'annotated.safetensors'
    assert main(['train', str(file), '--model', 'hog-hof', '--out', str(out)]) == 0
    assert load_classifier(out).labels == ('shaking', 'nodding')
    samples = read_samples(file, DescriptorSettings())
    scores = load_classifier(out).scores(samples.descriptors)
    assert (scores.argmax(1) == samples.truth.argmax(1)).all()
