"""Check what the parts on costs of networks measure, and what they say of it."""

import pytest

from actloc_ros.models.loading import open_network
from benchmark.results import few_shot_clips, graphs, in_time, published_people, sound, words


def test_a_step_of_a_continual_network_costs_less_than_its_clip(monkeypatch):
    monkeypatch.setattr(graphs, 'SECONDS', 0.0)
    row = graphs.costs(open_network('costgcn_mod_ntu25', random_weights=True))
    assert row['gmac_step'] * 20 < row['gmac_clip']
    assert 0 < row['ms_step'] < row['ms_clip']
    text = graphs.section({'threads': 1, 'rows': {'costgcn': row, 'stgcn': {**BY_CLIPS}}})
    assert '| `stgcn` | 100 | 1.50 | 40 | – | – |' in text
    assert f'| `costgcn` | {row["frames"]:.0f} | {row["gmac_clip"]:.2f} |' in text


BY_CLIPS = {'frames': 100.0, 'gmac_clip': 1.5, 'ms_clip': 40.0}


def test_published_people_are_measured_at_each_size_of_input(monkeypatch):
    monkeypatch.setattr(published_people, 'SECONDS', 0.0)
    found = published_people.sizes()
    assert {'nanodet_plus_m 320×320', 'nanodet_plus_m 416×416', 'rtmpose_t 256×192'} <= set(found)
    row = published_people.costs(published_people.opened(found['nanodet_plus_m 320×320']))
    assert row['gmac'] == pytest.approx(0.45, rel=0.1)  # as its reference has it
    assert row['ms'] > 0
    text = published_people.section({'threads': 1, 'rows': {'nanodet_plus_m 320×320': row}})
    assert '| `nanodet_plus_m` | 320×320 | detection | 1.20 | 0.4' in text


def test_labels_in_words_are_encoded_once(monkeypatch):
    monkeypatch.setattr(words, 'SECONDS', 0.0)
    row = words.costs(open_network('clip_rn50', random_weights=True))
    assert row['frames'] == 8
    assert min(row['ms_labels'], row['ms_person']) > 0
    assert '| `clip_rn50` | 8 |' in words.section({'threads': 1, 'rows': {'clip_rn50': row}})


def test_segments_cost_little_beside_features():
    text = in_time.section({'threads': 1, 'features': 16.4, 'segments': 0.0045})
    assert '| features: I3D, both streams, with optical flow | 16.4 |' in text
    assert '| segments: `actionformer_thumos_i3d`, with suppression | 0.0045 |' in text


def test_sounds_of_held_out_sources_are_counted():
    text = sound.section(
        {
            **{'clips': 75, 'sources': 52, 'folds': 4, 'minutes': 4.0, 'clips_with_label': 57},
            **{'best_is_right': 0.333, 'clips_of_none': 18, 'clips_of_none_with_alarm': 9},
            'labels': {'scream': {'clips': 4, 'recall': 0.25, 'false_alarms': 3}},
        }
    )
    assert 'the right sound scores best in 33%' in ' '.join(text.split())
    assert '| scream | 4 | 0.25 | 3 |' in text


def test_clips_of_nobody_are_counted():
    row = {'shots': 1, 'accuracy': 0.3, 'interval': 0.01}
    row |= {'reported_right': 0.1, 'reported_of_others': 0.2}
    text = few_shot_clips.section(
        {'clips': 60, 'found': 57, 'labels': ['hugging', 'kicking'], 'rows': [row]}
    )
    assert 'In 3 clips nobody was found' in text
    assert '| 1 | 0.300 ± 0.010 | 0.10 | 0.20 |' in text
