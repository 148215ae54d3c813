"""Check the speed limit: never none by mistake, never higher than asked, low while blind."""

import math

import pytest

from actloc_ros.planners.speed_limit import Limit, SpeedLimiter, SpeedOptions

SECOND = 1_000_000_000
OPTIONS = SpeedOptions(low=20, near=1.0, far=3.0, release=2.0, max_speed=0.5)


def limits(limiter, *steps):
    """Return the limit in % after each (time in s, gap in m or None for blind)."""
    return [limiter.update(int(t * SECOND), gap, known=gap is not None).value for t, gap in steps]


def test_it_falls_at_once_and_rises_after_a_while():
    limiter = SpeedLimiter(OPTIONS)
    far, mid, near = 9.0, 2.0, 0.5
    # It starts low; after that the least that was due in the last 2 s holds.
    assert limits(limiter, (0, far), (1, far), (2.1, far)) == [20, 20, 100]
    assert limits(limiter, (3, mid), (3.1, near)) == [60, 20]
    assert limits(limiter, (4, mid), (5, far), (5.2, far), (6.1, far), (7.1, far)) == [
        *(20, 20, 60, 100, 100)
    ]


def test_people_at_the_edge_do_not_make_it_flicker():
    limiter = SpeedLimiter(OPTIONS)
    edge = [(0.1 * step, 2.9 + 0.2 * (step % 2)) for step in range(200)]
    assert len(set(limits(limiter, *edge)[30:])) == 1


def test_blind_is_low_and_nobody_is_free():
    limiter = SpeedLimiter(OPTIONS)
    limits(limiter, (0, 9.0), (5, 9.0))
    assert limiter.update(6 * SECOND, None, known=True).value == 100
    assert limiter.update(7 * SECOND, None, known=False).value == 20
    assert limiter.update(8 * SECOND, None, known=True).value == 20


def test_a_jump_back_makes_it_low():
    limiter = SpeedLimiter(OPTIONS)
    assert limits(limiter, (0, 9.0), (50, 9.0), (2, 9.0)) == [20, 100, 20]


@pytest.mark.parametrize('low', [1.0, 20.0])
@pytest.mark.parametrize('gap', [-9.0, 0.0, 1.0, 1.7, 3.0, math.inf])
def test_it_is_never_0_and_never_above_100(low, gap):
    limiter = SpeedLimiter(SpeedOptions(low=low))
    for step in range(50):
        limit = limiter.update(step * SECOND // 5, gap, known=True)
        assert limit.percentage
        assert low <= limit.value <= 100


@pytest.mark.parametrize(
    ('other', 'gap', 'expected'),
    [
        (Limit(50), 9.0, Limit(50)),  # a zone's limit stands where ours is higher
        (Limit(50), 0.5, Limit(20)),
        (Limit(0.1, percentage=False), 9.0, Limit(0.1, percentage=False)),  # 20 % of 0.5 m/s
        (Limit(0.1, percentage=False), 1.5, Limit(0.1, percentage=False)),
        (Limit(0.2, percentage=False), 0.5, Limit(20)),
        (Limit(7.0, percentage=False), 9.0, Limit(100)),  # would make controllers faster
        (Limit(150), 9.0, Limit(100)),
        (Limit(0.0), 9.0, Limit(100)),
    ],
)
def test_the_least_of_ours_and_the_last_of_others_holds(other, gap, expected):
    limiter = SpeedLimiter(OPTIONS)
    assert limiter.take(other)
    for step in range(30):
        limit = limiter.update(step * SECOND // 5, gap, known=True)
    assert limit == expected


def test_released_is_what_others_asked_for_or_none():
    limiter = SpeedLimiter(OPTIONS)
    assert limiter.released() == Limit(0.0)
    limiter.take(Limit(50))
    assert limiter.released() == Limit(50)
    assert not limiter.take(Limit(math.nan))
    assert not limiter.take(Limit(-1))
    limiter.take(Limit(0))
    assert limiter.released() == Limit(0)


def test_far_must_be_above_near():
    with pytest.raises(ValueError, match=r'speed_limit.far is 1.0 m; it must be above'):
        SpeedOptions(near=1.0, far=1.0)
