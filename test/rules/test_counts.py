"""Count who is in zones and crosses lines, minute by minute."""

from collections import Counter

import pytest
from rule_scenes import BEGIN, engine_of, person, play

from actloc_ros.files import OutputError
from actloc_ros.rules.counts import CountFile

FILE = """
zones:
  left: {coordinates: [0,0, 0.5,0, 0.5,1, 0,1], inertia: 0, exit_inertia: 0}
lines:
  middle: {coordinates: [0.5,1, 0.5,0]}
rules:
  nothing: {zones: [left], enabled: false}
"""
FIRST = 60 * (BEGIN // 60)  # s: the minute in which scenes begin


def counted(tmp_path, seconds, actors_at, text=FILE, **options):
    """Return the rows that `seconds` s of scenes give, by area, kind and minute."""
    rows = []
    engine = engine_of(tmp_path, text, counted=rows.append)
    play(engine, seconds, actors_at, **options)
    engine.end_all()
    return {(r.area, r.kind, (r.start_time - FIRST) / 60): r for r in rows}


def test_who_comes_stays_and_goes_is_counted_in_each_minute(tmp_path):
    begin = 60 * 20 + FIRST - BEGIN  # at a whole minute

    def there(time):
        second = time - begin
        walker = person(1, 0.2 if second < 15 or second >= 75 else 0.8)
        return [walker, *([person(2, 0.3)] if 30 <= second < 90 else [])]

    rows = counted(tmp_path, 120, there, begin=begin)
    assert set(rows) == {(a, 'person', m) for a in ('left', 'middle') for m in (20, 21)}
    first, second = rows['left', 'person', 20], rows['left', 'person', 21]
    assert first.known_s == pytest.approx(59.9)
    assert second.known_s == pytest.approx(60.0)
    # Track 1 for 15 s and track 2 for 30 s; then track 2 for 30 s and track 1 for 45 s.
    assert first.mean == pytest.approx(45 / 60, abs=0.01)
    assert (first.tracks, first.entered, first.left, first.most) == (2, 2, 1, 1)
    assert (second.tracks, second.entered, second.left, second.most) == (2, 1, 1, 2)
    # Unseen tracks stay for the zone's hold of 3 s.
    assert second.mean == pytest.approx((33 + 45) / 60, abs=0.01)
    lines = rows['middle', 'person', 20], rows['middle', 'person', 21]
    assert Counter((r.entered, r.left) for r in lines) == {(1, 0): 1, (0, 1): 1}
    assert lines[0].mean is lines[0].tracks is lines[0].most is None


def test_in_metres_rows_have_edies_density_and_flow(tmp_path):
    area = 'coordinates: [0,-5, 100,-5, 100,5, 0,5], inertia: 0, exit_inertia: 0'
    ground = 'ground: {image: [0,0, 1,0, 1,1, 0,1], metres: [0,-5, 200,-5, 200,5, 0,5]}'
    text = f'{ground}\nzones: {{road: {{frame: map, {area}}}}}\n'
    text += 'rules: {r: {zones: [road], enabled: false}}'

    def cars(time):  # at 10 m/s, 100 m apart
        places = {i: 10 * time - 100 * i for i in range(20)}
        return [person(i + 1, x / 200, 0.5, 'car') for i, x in places.items() if 0 <= x < 200]

    begin = 60 + FIRST - BEGIN
    rows = counted(tmp_path, 180, lambda time: cars(time - begin), text, begin=begin, rate=5.0)
    row = rows['road', 'car', 2]
    assert row.speed_mps == pytest.approx(10, rel=0.01)
    assert row.density_per_km == pytest.approx(10, rel=0.05)
    assert row.density_per_m2 == pytest.approx(0.001, rel=0.05)
    assert row.flow_per_h == pytest.approx(360, rel=0.05)
    assert row.entered == row.left == 6


def test_a_row_is_taken_up_by_somebody_else(tmp_path):
    """Track 1 is lost at the left for good; track 9, a car, gets its memory later."""

    def there(time):
        return [person(1, 0.2)] if time < 2 else [person(9, 0.3, kind='car')] if time > 8 else []

    begin = 60 + FIRST - BEGIN
    rows = counted(tmp_path, 12, lambda time: there(time - begin), begin=begin)
    assert (rows['left', 'person', 1].entered, rows['left', 'person', 1].left) == (1, 1)
    assert (rows['left', 'car', 1].entered, rows['left', 'car', 1].left) == (1, 0)


def test_without_anybody_there_are_rows_of_zero(tmp_path):
    begin = 60 + FIRST - BEGIN
    rows = counted(tmp_path, 10, lambda _time: [], begin=begin)
    row = rows['left', 'person', 1]
    assert (row.tracks, row.entered, row.mean) == (0, 0, 0)
    assert row.speed_mps is None


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(OutputError, match='cannot be written'):
        CountFile(tmp_path / 'file' / 'counts.csv')
