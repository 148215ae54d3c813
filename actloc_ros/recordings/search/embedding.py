"""Make examples of words and images, in the space of the network that embedded the pictures."""

from __future__ import annotations

from pathlib import Path

from actloc_ros.io.image_file import read_image
from actloc_ros.io.source import IMAGE_SUFFIXES
from actloc_ros.models.words.embedder import WordsEmbedder, open_embedder, words_weights
from actloc_ros.recordings.index.discover import hash_file
from actloc_ros.recordings.index.open import Index
from actloc_ros.recordings.search.query import QueryError
from actloc_ros.recordings.search.similar import By, Example

WITHOUT = (
    'no recording of this index was indexed with a network of images and words; run `actloc index '
    '… --words clip_vit_b_32 --words-weights FILE`'
)


def example_of_text(
    index: Index, text: str, weights: str | None, device: str = 'auto'
) -> tuple[Example, str]:
    """Return words as an example, and a line that says how they are compared.

    Args:
        index: Open.
        text: The words.
        weights: Checkpoint of the network that embedded the pictures; None for its own.
        device: Where to run it.

    Raises:
        QueryError: The index has no pictures embedded, or by other weights.
        ModelError: The network cannot be opened, or the words are too long.
    """
    if not index.words():
        raise QueryError(
            f'{WITHOUT}, or ask for {text!r} as a query, whose words are matched to labels and '
            'their synonyms'
        )
    embedder, made_by = _open(index, weights, device)
    if not text.strip():
        raise QueryError('--text is empty; say in words what to find')
    vector = embedder.text(text)
    said = (
        f'{text!r} is compared with pictures of people by {made_by[0]} (embeddings), not with '
        'labels and their synonyms'
    )
    return Example(*made_by, vector[None], by=By.APPEARANCE), said


def example_of_image(
    index: Index, path: Path, weights: str | None, device: str = 'auto'
) -> list[Example]:
    """Return an image as an example: its central square; see `example_of_text`.

    Raises:
        QueryError: It is no image; and see there.
        SourceError: It cannot be read.
    """
    if not path.is_file() or path.suffix.lower() not in IMAGE_SUFFIXES:
        raise QueryError(
            f'--like {path} --by appearance needs an image, or a moment such as RECORDING@12.4s'
        )
    image = read_image(path)
    embedder, made_by = _open(index, weights, device)
    vectors = embedder.pictures([embedder.cut_out(image)])
    return [Example(*made_by, vectors, by=By.APPEARANCE)]


def _open(index: Index, weights: str | None, device: str) -> tuple[WordsEmbedder, tuple[str, str]]:
    """Return the network that embedded the index's pictures, its name and weights' hash."""
    known = index.words()
    if not known:
        raise QueryError(WITHOUT)
    names = sorted({name for name, _ in known})
    if len(known) > 1 and weights is None:
        raise QueryError(
            f'pictures were embedded with several weights, of {", ".join(names)}; choose some by '
            '--words-weights FILE'
        )
    for name in names:
        file = words_weights(name, weights or '')
        digest = hash_file(file)  # before it is read: another file would load as well
        if (name, digest) in known:
            return open_embedder(name, file, device), (name, digest)
    hashes = ', '.join(f'{digest[:12]}… of {name}' for name, digest in known)
    raise QueryError(
        f'{file} has other weights ({digest[:12]}…) than those that embedded the pictures '
        f'({hashes}), and vectors do not mix; name the same file by --words-weights'
    )
