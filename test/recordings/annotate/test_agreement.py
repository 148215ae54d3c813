"""Check the agreement of annotations, and what a start by a model saves, against plain counts."""

import numpy as np
import pytest
from annotations import actor, annotation
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from walkers import MODEL, walkers, write_film

from actloc_ros.cli.main import main
from actloc_ros.recordings.annotate.agreement import cohen_kappa, compare
from actloc_ros.recordings.annotate.annotation import AnnotateError, Span
from actloc_ros.recordings.annotate.formats.plain import to_annotations
from actloc_ros.recordings.annotate.savings import Effort, measure_savings

WALK, WAVE = [Span('walk', 0, 19)], [Span('wave', 0, 19)]


def plain(tmp_path, *people, **more):
    return to_annotations(annotation(people, ['walk', 'wave'], **more), tmp_path)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_kappa_is_that_of_scikit_learn(pairs):
    first, second = zip(*pairs, strict=True)
    expected = cohen_kappa_score(first, second) if len({*first, *second}) > 1 else None
    found = cohen_kappa(first, second)
    if expected is None or np.isnan(expected):
        assert found is None
    else:
        assert found == pytest.approx(expected)


def test_the_same_agrees_in_all(tmp_path):
    one = plain(tmp_path, actor(1, 0, 19, [Span('walk', 0, 9), Span('wave', 10, 19)]))
    found = compare(one, one)
    assert (found.actors, found.only_first, found.only_second) == (1, 0, 0)
    assert (found.tube_iou, found.kappa, found.frames) == (1.0, 1.0, 20)
    assert [(each.f1, each.kappa) for each in found.labels] == [(1.0, 1.0), (1.0, 1.0)]


def test_what_differs_is_counted(tmp_path):
    one = plain(
        tmp_path,
        actor(1, 0, 19, [Span('walk', 0, 9), Span('wave', 10, 19)]),
        actor(2, 0, 19, WALK, box=(40, 4, 60, 40)),
    )
    other = plain(tmp_path, actor(5, 0, 9, [Span('walk', 0, 4), Span('wave', 5, 9)]))
    found = compare(one, other)
    assert (found.actors, found.only_first, found.only_second) == (1, 1, 0)
    assert found.tube_iou == pytest.approx(0.5)
    walk, wave = found.labels
    assert (walk.first, walk.second, walk.both, walk.f1) == (2, 1, 1, pytest.approx(2 / 3))
    assert (wave.first, wave.second, wave.both, wave.f1) == (1, 1, 0, 0)
    # One says walk in all 10 frames that both have, the other in 5 of them.
    assert (found.frames, found.kappa) == (10, 0.0)
    assert '0.667' in found.text()


def test_other_videos_and_sizes_are_refused(tmp_path):
    one = plain(tmp_path, actor(1, 0, 19, WALK))
    with pytest.raises(AnnotateError, match='no video in common'):
        compare(one, plain(tmp_path, media='other.mp4'))


def test_nothing_is_left_to_do_where_the_start_is_right(tmp_path):
    truth = plain(tmp_path, actor(1, 0, 19, WALK), actor(2, 5, 29, box=(40, 4, 60, 40)))
    found = measure_savings(truth, truth)
    # First and last box, and where the first one leaves; one label.
    assert found.nothing == Effort(boxes=5, labels=1)
    assert found.corrected == Effort()
    assert found.share() == 1


def test_each_kind_of_correction_counts_once(tmp_path):
    truth = plain(tmp_path, actor(1, 0, 19, WALK))
    wrong_label = plain(tmp_path, actor(1, 0, 19, WAVE))
    assert measure_savings(wrong_label, truth).corrected == Effort(labels=1)
    too_long = plain(tmp_path, actor(1, 0, 24, WALK))
    assert measure_savings(too_long, truth).corrected == Effort(boxes=1)
    elsewhere = plain(tmp_path, actor(1, 0, 19, WALK, box=(40, 4, 60, 40)))
    assert measure_savings(elsewhere, truth).corrected == Effort(boxes=2, labels=1, tracks=1)
    in_two = plain(
        tmp_path,
        actor(1, 0, 9, [Span('walk', 0, 9)]),
        actor(2, 10, 19, [Span('walk', 10, 19)]),
    )
    assert measure_savings(in_two, truth).corrected == Effort(tracks=1)
    nobody = plain(tmp_path)
    assert measure_savings(nobody, truth).corrected == Effort(boxes=2, labels=1)


def test_the_command_compares_cvat_with_ours(tmp_path, capsys):
    film = write_film(tmp_path / 'a.mp4', walkers())
    for kind, name in (('cvat', 'a.xml'), ('actloc', 'a.json')):
        command = ['annotate', str(film), '--model', MODEL, '--to', kind]
        assert main([*command, '--out', str(tmp_path / name)]) == 0
    capsys.readouterr()
    assert main(['annotate', '--agreement', str(tmp_path / 'a.xml'), str(tmp_path / 'a.json')]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == '1 videos; 2 actors in both, 0 only in A, 0 only in B'
    assert out[1].split()[-1] > '0.95'
    assert out[2].endswith('in 32 frames: 1.000')
    film.unlink()
    assert main(['annotate', '--agreement', str(tmp_path / 'a.xml'), str(tmp_path / 'a.json')]) == 2
    assert 'is missing' in capsys.readouterr().err
