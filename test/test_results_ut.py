"""Check how UT-Interaction's clips and timelines are read, classified and judged."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / 'benchmark'))

from results_ut import section
from results_ut_clips import LabelledClip, LayoutError, read_clips, score, train
from results_ut_timelines import (
    Timeline,
    Tube,
    detect,
    judge,
    overlap,
    regions,
    room_beside,
    suppress,
    usual_box,
    with_pieces,
)

from actloc_ros.models.hog_hof_descriptor import CHANNELS, Settings, Tracks

BOX = (0.0, 0.0, 100.0, 200.0)
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
    return read_clips(mine, Settings(words=8))


def test_real_interactions_are_told_apart_in_a_sequence_that_was_left_out(
    some: list[LabelledClip],
) -> None:
    settings = Settings(words=8)
    assert len(some) == 6
    assert all(clip.take.tracks for clip in some)
    told = []
    for sequence in SEQUENCES[:2]:
        classifier = train([clip for clip in some if clip.sequence != sequence], settings, 0)
        assert classifier.labels == LABELS
        told += score(classifier, [clip for clip in some if clip.sequence == sequence])
    assert sorted(told) == sorted([(label, label) for label in LABELS] * 2)


def test_a_timeline_made_of_a_real_clip_is_found_again(some: list[LabelledClip]) -> None:
    settings = Settings(words=8)
    clip = next(each for each in some if each.sequence == 9 and each.label == 'kicking')
    seen = with_pieces([each for each in some if each.sequence != 9])
    assert [len(each.take.clips) for each in seen] == [3] * 4
    classifier = train(seen, settings, 0)
    start = clip.take.clips[0].start
    looks = [
        Tracks(each.stamp - start, each.places * 200 + (300, 100), each.parts)
        for each in clip.take.tracks
    ]
    usual = np.array([150.0, 100.0, 450.0, 300.0])
    found = detect(Timeline(9, [], looks), classifier, usual, 0.0)
    assert found[0].label == 'kicking'
    wider = detect(Timeline(9, [], looks), classifier, usual, 0.1)
    assert wider[0].box[0] == pytest.approx(found[0].box[0] - 20)
    assert wider[0].box[2] == pytest.approx(found[0].box[2] + 20)
    assert 0 <= room_beside(seen) < 0.5
    assert all(tube.box[3] - tube.box[1] >= 199 for tube in found)


def test_overlap_is_that_of_volumes() -> None:
    tube = Tube('a', 0, 10, BOX)
    assert overlap(tube, tube) == pytest.approx(1)
    assert overlap(tube, Tube('a', 5, 15, BOX)) == pytest.approx(5 / 15)
    assert overlap(tube, Tube('a', 0, 10, (50.0, 0.0, 100.0, 200.0))) == pytest.approx(0.5)
    assert overlap(tube, Tube('a', 10, 20, BOX)) == 0
    assert overlap(tube, Tube('a', 0, 10, (100.0, 0.0, 200.0, 200.0))) == 0


def test_only_the_better_of_two_of_one_class_stays() -> None:
    best, same = Tube('a', 0, 10, BOX, 0.9), Tube('a', 1, 11, BOX, 0.8)
    other, later = Tube('b', 1, 11, BOX, 0.7), Tube('a', 20, 30, BOX, 0.6)
    assert suppress([later, same, other, best]) == [best, other, later]


def test_judging_finds_each_true_tube_once_and_ignores_what_is_not_fully_shown() -> None:
    truth = [(1, Tube('a', 0, 10, BOX)), (1, Tube('a', 50, 60, BOX, counts=False))]
    truth.append((2, Tube('a', 0, 10, BOX)))
    right, again = (1, Tube('a', 0, 11, BOX, 0.9)), (1, Tube('a', 0, 12, BOX, 0.8))
    ignored, elsewhere = (1, Tube('a', 50, 60, BOX, 0.95)), (3, Tube('a', 0, 10, BOX, 0.85))
    late = (2, Tube('a', 0, 9, BOX, 0.3))
    told = judge([again, late, right, ignored, elsewhere], truth)
    # In order: right, wrong (elsewhere), wrong (again), right.
    assert told['ap'] == pytest.approx((1 + 2 / 4) / 2)
    assert (told['right'], told['told'], told['true']) == (1, 3, 2)
    assert judge([], truth)['ap'] == 0


def test_what_moves_apart_is_in_regions_of_its_own() -> None:
    rng = np.random.default_rng(0)
    left = rng.uniform((100, 150), (220, 250), (300, 2))
    right = rng.uniform((500, 100), (600, 400), (300, 2))
    places = np.concatenate([right, left]).astype(np.float32)
    parts = np.zeros((600, 3, 2, 2, CHANNELS), np.float16)
    one, two = regions([Tracks(0, places, parts)], height=200)
    assert one == pytest.approx([100, 100, 220, 300], abs=5)
    assert two == pytest.approx([500, 100, 600, 400], abs=15)
    assert regions([], 200) == regions([Tracks(0, places[:0], parts[:0])], 200) == []


def test_the_usual_box_is_of_other_sequences() -> None:
    def entry(sequence: int, top: int) -> dict:
        each = {'box_xyxy': [0, top, 100, 300], 'fully_shown': True}
        return {'seq': sequence, 'interactions': [each]}

    assert usual_box([entry(1, 10), entry(2, 20), entry(3, 30)], 1).tolist() == [0, 25, 100, 300]


@pytest.mark.parametrize('text', [None, '{', '{"clips": [{"kind": "positive"}]}'])
def test_folders_of_another_layout_are_refused(tmp_path: Path, text: str | None) -> None:
    if text:
        (tmp_path / 'index_clips.json').write_text(text)
    with pytest.raises(LayoutError, match=r'index_clips\.json cannot be used.*clip_action_frames'):
        read_clips(tmp_path, Settings())


def test_the_section_counts_what_was_told() -> None:
    told = [('a', 'a'), ('a', 'b'), ('b', 'b'), ('b', 'b')]
    ap = {'ap': 0.25, 'right': 1, 'told': 4, 'true': 2}
    text = section(
        {
            'folder': 'set1',
            'protocol': 'leave one sequence out',
            'told': [told, [*told[:3], ('b', 'a')]],
            'timelines': {'sequences': 3, 'classes': {'a': ap, 'b': {**ap, 'ap': 0.75}}},
        }
    )
    assert '3, 2 of 4 right, 62.5 %' in text
    assert '| a | 1 | 1 | 50 % |' in text
    assert '| b | 0 | 2 | 100 % |' in text
    assert '| mean | 0.500 | | |' in text
