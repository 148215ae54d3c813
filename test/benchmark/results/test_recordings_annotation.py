"""Go the way of an annotation once: a start, corrections, training, and a better start."""

import pytest

from benchmark.results.recordings.annotation import section
from benchmark.results.recordings.annotation_loop import AFTER, BEFORE, go_round


@pytest.mark.timeout(600)
def test_corrections_make_the_next_start_better(tmp_path):
    result = go_round(tmp_path)
    before, after = result.before, result.after
    print(f'{BEFORE}: {before.text()}')
    print(f'{AFTER}: {after.text()}')
    assert before.corrected.boxes < before.nothing.boxes / 2  # it finds who moves
    assert before.right_labels == 0  # and knows nothing of what people call it
    assert after.corrected.total < before.nothing.total / 2
    assert after.right_labels > after.frames / 3


def test_the_section_states_each_count():
    effort = {'boxes': 10, 'labels': 4, 'tracks': 0}
    less = {'boxes': 2, 'labels': 1, 'tracks': 1}
    numbers = {
        'nothing': effort,
        'corrected': less,
        'frames': 100,
        'right_boxes': 90,
        'right_labels': 50,
    }
    text = section(
        {'count': 4, 'scenes': {'0.5': numbers}, 'loop': {BEFORE: numbers, AFTER: numbers}}
    )
    row = '| 10 → 2 | 4 → 1 | 1 | 71% | 0.90 | 0.50 |'
    assert text.count(row) == 3
