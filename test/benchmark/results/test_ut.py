"""Check how UT-Interaction's clips are read and classified."""

import json
from pathlib import Path

import pytest

from actloc_ros.models.hog_hof.descriptor import DescriptorSettings
from benchmark.results.ut import section
from benchmark.results.ut_clips import LabelledClip, LayoutError, read_clips, score, train

SEQUENCES = 7, 9, 10  # of three pairs of people
LABELS = 'hugging', 'kicking'


@pytest.fixture(scope='module')
def some(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[LabelledClip]:
    """Return two interactions of each of three sequences."""
    folder = shared / 'data' / 'ut_interaction'
    entries = [
        entry
        for entry in json.loads((folder / 'index_clips.json').read_text())['clips']
        if entry['seq'] in SEQUENCES and entry['label_name'] in LABELS
    ]
    mine = tmp_path_factory.mktemp('ut')
    (mine / 'index_clips.json').write_text(json.dumps({'clips': entries}))
    (mine / 'positives').symlink_to(folder / 'positives')
    return read_clips(mine, DescriptorSettings(words=8))


def test_real_interactions_are_classified_in_a_sequence_that_was_left_out(
    some: list[LabelledClip],
) -> None:
    settings = DescriptorSettings(words=8)
    assert len(some) == 6
    assert all(clip.take.tracks for clip in some)
    predicted = []
    for sequence in SEQUENCES[:2]:
        classifier = train([clip for clip in some if clip.sequence != sequence], settings, 0)
        assert classifier.labels == LABELS
        predicted += score(classifier, [clip for clip in some if clip.sequence == sequence])
    assert sorted(predicted) == sorted([(label, label) for label in LABELS] * 2)


@pytest.mark.parametrize('text', [None, '{', '{"clips": [{"kind": "positive"}]}'])
def test_folders_of_another_layout_are_refused(tmp_path: Path, text: str | None) -> None:
    if text:
        (tmp_path / 'index_clips.json').write_text(text)
    with pytest.raises(LayoutError, match=r'index_clips\.json cannot be used.*clip_action_frames'):
        read_clips(tmp_path, DescriptorSettings())


def test_the_section_counts_predictions() -> None:
    predicted = [('a', 'a'), ('a', 'b'), ('b', 'b'), ('b', 'b')]
    text = section(
        {
            'folder': 'set1',
            'protocol': 'leave one sequence out',
            'predictions': [predicted, [*predicted[:3], ('b', 'a')]],
        }
    )
    assert '3, 2 of 4 right, 62.5 %' in text
    assert '| a | 1 | 1 | 50 % |' in text
    assert '| b | 0 | 2 | 100 % |' in text
