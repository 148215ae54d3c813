"""Search a made-up index: what is found, by the rules of the grammar, and what is refused."""

import re
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from recordings import SECOND, Act, make_index

from actloc_ros.recordings.index.open import open_index
from actloc_ros.recordings.search.engine import Searcher
from actloc_ros.recordings.search.parse import parse
from actloc_ros.recordings.search.query import (
    MOST_NODES,
    Query,
    QueryError,
    action,
    camera,
    lasting,
    nobody,
    score,
    zone,
)

NOON = int(datetime(2026, 5, 1, 12, tzinfo=timezone.utc).timestamp()) * SECOND
HOME = [
    Act('walking', 1, 0, 10),
    Act('falling', 1, 12, 13, score=0.7),
    Act('lying', 1, 13, 30, zone='bed'),
    Act('walking', 2, 5, 40, zone='door'),
    Act('waving', 2, 20, 22, score=0.5),
]
WORK = [
    Act('standing', 1, 0, 3000, camera='/hall'),
    Act('handing_over', 2, 10, 12, camera='/hall'),
    Act('falling', 2, 50, 51, camera='/hall'),
    Act('standing', 2, 70, 90, camera='/hall'),
    Act('run/jog', 3, 1200, 1300, camera='/yard'),
]


@pytest.fixture(scope='module')
def searcher(tmp_path_factory):
    folder = tmp_path_factory.mktemp('index')
    make_index(folder, {'/data/home one.mp4': HOME}, length=100.0)
    make_index(folder, {'/data/night/work': WORK}, zero=NOON)
    with open_index(folder) as index:
        yield Searcher(index.connection, 'Europe/Berlin')


def by_time(row):
    return row[0], row[1] or 0, row[2]


def found(searcher, query, **options):
    """Return label, track, start and end in s of the hits."""
    hits = searcher.search(query, **options).hits
    return sorted(((hit.label, hit.track, *hit.span) for hit in hits), key=by_time)


@pytest.mark.parametrize(
    ('query', 'expected'),
    [
        ('falling', [('falling', 1, 12, 13), ('falling', 2, 50, 51)]),
        ('falling score >= 0.8', [('falling', 2, 50, 51)]),
        ('falling score at least 0.7 and camera ""', [('falling', 1, 12, 13)]),
        ('lying in zone bed', [('lying', 1, 13, 30)]),
        ('walking not in bed', [('walking', 1, 0, 10), ('walking', 2, 5, 40)]),
        ('walking in door', [('walking', 2, 5, 40)]),
        ('falling camera /hall', [('falling', 2, 50, 51)]),
        ('falling on camera "/h*"', [('falling', 2, 50, 51)]),
        ('falling in recording home*', [('falling', 1, 12, 13)]),
        ('falling recording "home one"', [('falling', 1, 12, 13)]),
        ('falling track 2', [('falling', 2, 50, 51)]),
        ('walking for 20 s', [('walking', 2, 5, 40)]),
        ('walking shorter than 20 s', [('walking', 1, 0, 10)]),
        ('duration > 1 min', [('run/jog', 3, 1200, 1300), ('standing', 1, 0, 3000)]),
        ('waving or falling score > 0.8', [('falling', 2, 50, 51), ('waving', 2, 20, 22)]),
        ('(waving or falling) and score > 0.8', [('falling', 2, 50, 51)]),
        ('waving and walking', [('waving, walking', 2, 20, 22)]),
        ('walking and not waving', [('walking', 1, 0, 10)]),
        ('not waving and walking', [('walking', 1, 0, 10)]),
        ('waving with lying', [('waving, lying', 2, 20, 22)]),
        ('waving with walking', []),
        ('waving while walking', [('waving, walking', 2, 20, 22)]),
        ('walking with not falling', [('walking', 1, 0, 10)]),
        ('waving before 21 s', [('waving', 2, 20, 22)]),
        ('camera /hall after 45 s', [('falling', 2, 50, 51), ('standing', 2, 70, 90)]),
        ('falling between 14:00 and 14:01', [('falling', 2, 50, 51)]),
        ('falling between 12:00 and 13:00', []),
        ('falling after 22:00', []),
        ('run/jog on 2026-05-01', [('run/jog', 3, 1200, 1300)]),
        ('running since 2026-05-01 14:20', [('run/jog', 3, 1200, 1300)]),
        ('running after 2026-05-01', []),
        ('running until 2026-05-01 in the afternoon', [('run/jog', 3, 1200, 1300)]),
        ('running before 2026-05-01', []),
        ('somebody in zone bed', [('', 1, 13, 30)]),
    ],
)
def test_conditions_and_joins_find(searcher, query, expected):
    assert found(searcher, query) == expected


@pytest.mark.parametrize(
    ('query', 'expected'),
    [
        ('walking then falling', [('walking, falling', 1, 0, 13)]),
        ('walking then falling within 1 s', []),
        ('walking then within 3 s falling', [('walking, falling', 1, 0, 13)]),
        (
            'walking then falling within 10 s then lying for 5 s',
            [('walking, falling, lying', 1, 0, 30)],
        ),
        ('walking then falling then lying for 20 s', []),
        ('falling then not standing within 10 s', [('falling', 1, 12, 23), ('falling', 2, 50, 61)]),
        ('falling then not standing within 30 s', [('falling', 1, 12, 43)]),
        ('falling then not standing within 95 s', []),  # the recording ends before
        ('A hands over to B', [('handing_over', 2, 10, 12)]),
        ('A handing over with B standing', [('handing_over, standing', 2, 10, 12)]),
        ('A waving to B lying', [('waving, lying', 2, 20, 22)]),
        ('A waving to A walking', []),
        ('B falling then A waving', [('falling, waving', 1, 12, 22)]),
        ('A falling then B waving then A lying', []),
        ('A walking then A falling then B waving', [('walking, falling, waving', 1, 0, 22)]),
        (
            'nobody',
            [('', None, *span) for span in ((0, 1200), (40, 100), (1300, 3600), (3000, 3600))],
        ),
        ('walking then waving then not running within 30 s', [('walking, waving', 2, 5, 52)]),
        ('nobody in zone door for 50 s', [('', None, 40, 100)]),
        ('nobody in zone door shorter than 10 s', [('', None, 0, 5)]),
        ('nobody walking recording "home one"', [('', None, 40, 100)]),
        ('falling while nobody in zone bed', [('falling', 1, 12, 13)]),
        ('falling while nobody in zone door', []),
        ('lying then (nobody in door)', [('lying', 1, 13, 100)]),
    ],
)
def test_order_relations_and_absence_find(searcher, query, expected):
    assert found(searcher, query) == sorted(expected, key=by_time)


@pytest.mark.parametrize(
    ('words', 'labels', 'how'),
    [
        ('fell', 'falling', 'inflection'),
        ('walked', 'walking', 'inflection'),
        ('hands over', 'handing_over', 'inflection'),
        ('collapsed', 'falling', 'synonym'),
        ('Sprinting', 'run/jog', 'synonym'),
        ('jogs', 'run/jog', 'inflection'),
        ('LYING', 'lying', 'name'),
    ],
)
def test_words_are_taken_as_labels_and_it_is_said(searcher, words, labels, how):
    hits = searcher.search(words)
    assert [str(meaning) for meaning in hits.meanings] == [
        f'{words!r} is taken as {labels} ({how})'
    ]
    assert {hit.label for hit in hits.hits} == {labels}


@pytest.mark.parametrize(
    ('query', 'column', 'text'),
    [
        ('wlking', 1, r"no action 'wlking' in the index \(is walking meant\?\)"),
        ('walking thenx falling', 1, r'is the word then meant\?'),
        ('falling in zone dor', 17, r"no zone 'dor' in the index \(is door meant\?\)"),
        ('falling camera /hal', 16, r'is /hall meant\?'),
        ('recording hom', 11, r'no recording'),
        ('falling by model xyz', 18, r"no model 'xyz' in the index; there are pose_n"),
        ('(falling', 9, r'the end cannot stand here; expected .* a closing bracket'),
        ('falling then', 13, r'expected an action'),
        ('walking then then falling', 14, r"'then' cannot stand here"),
        ('falling within 10 s', 9, r"'within' cannot stand here"),
        ('falling score > high', 17, r'expected a number'),
        ('falling for 5 parsecs', 15, r'cannot stand here'),
        ('falling; lying', 8, r"';' cannot stand here"),
        ('falling on 2026-13-01', 12, r'is no date'),
        ('falling then not lying', 9, r'needs within'),
        ('falling between 12:00 and 2026-01-01', None, r'not of a kind'),
        ('', 1, r'the query is empty'),
        (' or '.join(['falling'] * MOST_NODES), None, r'more than 100 parts'),
        ('falling ' * 600, None, r'at most 4000 characters'),
    ],
)
def test_a_query_is_refused_with_the_place(searcher, query, column, text):
    with pytest.raises(QueryError, match=text) as caught:
        searcher.search(query)
    assert caught.value.column == column
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    'text',
    [
        "'; DROP TABLE instances; --'",
        '"x\' OR 1=1 --"',
        'walking in zone "door\'; DELETE FROM stays; --"',
        'camera "/hall\' UNION SELECT * FROM meta --"',
        'recording "%"',
    ],
)
def test_sql_in_a_query_is_text(searcher, text):
    before = len(searcher.search('anything').hits)
    with pytest.raises(QueryError, match='in the index'):
        searcher.search(text)
    assert len(searcher.search('anything').hits) == before
    compiled = searcher.compile(parse('falling camera /hall'))
    assert '/hall' not in compiled.sql
    assert ['/hall'] in compiled.parameters.values()


@pytest.mark.parametrize(
    ('text', 'query'),
    [
        (
            'walking then falling within 10 s and camera /hall',
            action('walking').then(action('falling'), within=10) & camera('/hall'),
        ),
        (
            'A waving with B lying or nobody in zone door for 60 s',
            action('waving', 'A').together_with(action('lying', 'B'))
            | nobody() & lasting(60)
            | nobody(action('x')),
        ),
        ('falling not score >= 0.5', action('falling') & ~score(0.5)),
        (
            'falling while lying in zone bed',
            action('falling').during(action('lying') & zone('bed')),
        ),
    ],
)
def test_functions_state_the_same_queries(text, query):
    parsed = parse(text)
    if 'nobody' in text:
        assert isinstance(parsed, Query)
        assert parsed.first == query.first.first
        return
    assert parsed == query


def test_queries_in_the_documentation_are_queries():
    root = Path(__file__).resolve().parents[3]
    texts = [(root / name).read_text() for name in ('README.md', 'doc/recordings.md')]
    found = {
        query for text in texts for query in re.findall(r"actloc search index '([^']+)'", text)
    }
    assert len(found) >= 3
    for query in found:
        parse(query)
    table = texts[1][texts[1].index('| to find |') : texts[1].index('`or` joins weakest')]
    pieces = [piece for piece in re.findall(r'`([^`]+)`', table) if '…' not in piece]
    assert len(pieces) > 30
    for piece in pieces:
        parse(piece if '>' in piece or ' ' in piece else f'falling and {piece}')


def test_sorting_and_limit(searcher):
    hits = searcher.search('anything', 3, 'duration')
    assert [hit.span for hit in hits.hits] == [(0, 3000), (1200, 1300), (5, 40)]
    assert hits.more
    scores = [hit.score for hit in searcher.search('anything', None, 'score').hits]
    assert scores == sorted(scores, reverse=True)
    assert not searcher.search('falling', 2).more
    newest = [hit.start for hit in searcher.search('anything', None, 'newest').hits]
    assert newest == sorted(newest, reverse=True)


def test_what_has_no_time_of_day_is_left_out_and_it_is_said(searcher):
    hits = searcher.search('falling after 00:01')
    assert [hit.track for hit in hits.hits] == [2]
    assert any('1 of 3 camera views have no time of day' in note for note in hits.notes)


def test_a_time_of_day_follows_the_clock_over_a_change(tmp_path):
    # On 2026-03-29 at 01:00 UTC clocks in Berlin go from 02:00 to 03:00.
    zero = int(datetime(2026, 3, 29, tzinfo=timezone.utc).timestamp()) * SECOND
    acts = [Act('waving', 1, 1800, 1801), Act('waving', 2, 5400, 5401)]
    make_index(tmp_path, {'/night': acts}, zero=zero, length=7200.0)
    with open_index(tmp_path) as index:
        searcher = Searcher(index.connection, 'Europe/Berlin')
        assert found(searcher, 'waving between 01:00 and 02:00') == [('waving', 1, 1800, 1801)]
        assert found(searcher, 'waving between 02:00 and 03:00') == []
        assert found(searcher, 'waving between 03:00 and 04:00') == [('waving', 2, 5400, 5401)]
    with open_index(tmp_path) as index, pytest.raises(QueryError, match='no time zone'):
        Searcher(index.connection, 'Europe/Nowhere')


def test_models_do_not_mix_and_it_is_said(tmp_path):
    make_index(tmp_path, {'/a.mp4': [Act('walking', 1, 0, 5)]})
    make_index(tmp_path, {'/a.mp4': [Act('walking', 1, 1, 4)]}, name='stream_n')
    with open_index(tmp_path) as index:
        searcher = Searcher(index.connection)
        hits = searcher.search('walking')
        assert sorted(hit.model for hit in hits.hits) == ['pose_n', 'stream_n']
        assert any('model NAME' in note for note in hits.notes)
        assert found(searcher, 'walking by model stream_n') == [('walking', 1, 1, 4)]
        assert searcher.search('walking by model stream_n').notes == ()


def test_random_orders_are_those_of_a_plain_search(tmp_path):
    """Compare `A then B within T` with loops over all pairs."""
    chance = np.random.default_rng(5)
    acts = []
    for track in range(1, 9):
        for start in np.sort(chance.choice(300, 12, replace=False)):
            label = ('walking', 'falling', 'lying')[chance.integers(3)]
            acts.append(Act(label, track, int(start), int(start + chance.integers(1, 9))))
    make_index(tmp_path, {'/r.mp4': acts})
    with open_index(tmp_path) as index:
        searcher = Searcher(index.connection)
        for within in (0, 3, 20, 1000):
            rows = {row[1:] for row in found(searcher, f'walking then falling within {within} s')}
            assert rows == plain_order(acts, 'walking', 'falling', within)


def plain_order(acts, first, second, within):
    pairs = [
        (a, b)
        for a in acts
        for b in acts
        if a.label == first
        and b.label == second
        and a.track == b.track
        and b.start > a.start
        and b.start - a.end <= within
    ]
    last = {}
    for a, b in pairs:
        key = b.track, b.start
        if key not in last or (a.end, a.start) > (last[key][0].end, last[key][0].start):
            last[key] = (a, b)
    next_ = {}
    for a, b in last.values():
        key = a.track, a.start
        if key not in next_ or b.start < next_[key][1].start:
            next_[key] = (a, b)
    return {(a.track, a.start, max(a.end, b.end)) for a, b in next_.values()}
