"""Test measures of traffic on exact trajectories with noise, and on real tracks in metres."""

import csv
import itertools
from collections import defaultdict

import numpy as np
import pytest
from rule_scenes import engine_of, of, scene, times

from actloc_ros.alarms.alarm import AlarmType
from actloc_ros.rules.relations import time_to_collision
from actloc_ros.rules.scene import Actor
from actloc_ros.rules.tracks.motion import fit_motion

RATE = 25.0
NEW = AlarmType.NEW
LINES = """
lines:
  mark: {frame: map, coordinates: [0,0, 200,0]}
  lane: {frame: map, coordinates: [0,-2, 200,-2]}
"""


def drive(engine, seconds, sigma=0.05, rate=RATE, seed=0, **paths):
    """Return the alarms of tracks whose positions in m are given by time, by kind and number."""
    chance, alarms = np.random.default_rng(seed), []
    for step in range(round(seconds * rate)):
        actors = []
        for number, (name, path) in enumerate(paths.items(), 1):
            x, y = np.array(path(step / rate)) + chance.normal(0, sigma, 2)
            box = (10.0 + 100 * number, 10.0, 60.0 + 100 * number, 60.0)
            actors.append(Actor(number, name.rstrip('0123456789'), box, {}, (x, y), 'map'))
        alarms += engine.step(scene(step / rate, *actors))
    return alarms


def brakes(deceleration, speed=14.0, at=3.0, lasting=10.0):
    def path(t):
        braked = min(max(0.0, t - at), lasting, speed / deceleration)
        after = max(0.0, t - at - lasting) * max(0.0, speed - deceleration * lasting)
        return speed * min(t, at) + speed * braked - deceleration * braked**2 / 2 + after, 1.0

    return path


@pytest.mark.parametrize(
    ('path', 'count'),
    [
        (brakes(5.0), 1),
        (brakes(3.6), 1),
        (brakes(2.0), 0),
        (brakes(5.0, speed=5.0), 0),  # slower than 25 km/h
        (brakes(5.0, lasting=0.25), 0),  # shorter than 0.6 s
    ],
)
def test_sudden_braking(tmp_path, path, count):
    for seed in range(3):
        engine = engine_of(tmp_path, 'rules: {b: {traffic: sudden_braking}}')
        alarms = of(drive(engine, 8, car=path, seed=seed), NEW)
        assert len(alarms) == count
        for alarm in alarms:
            assert alarm.values['acceleration_mps2'] <= -3.0
            assert 0 < alarm.values['acceleration_sigma_mps2'] < 1.0
            assert 3.0 < times([alarm])[0] < 5.5


def test_an_acceleration_within_noise_is_none(tmp_path):
    engine = engine_of(tmp_path, 'rules: {b: {traffic: sudden_braking}}')
    assert drive(engine, 60, sigma=0.5, car=lambda t: (14.0 * t, 1.0)) == []


def slalom(amplitude, period, speed=15.0, at=3.0):
    def path(t):
        wave = 1 - np.cos(2 * np.pi * (t - at) / period) if at <= t < at + period else 0.0
        return speed * t, amplitude / 2 * wave

    return path


def curve(t, speed=15.0, radius=40.0):
    angle = speed * t / radius
    return radius * np.sin(angle), radius * (1 - np.cos(angle))


@pytest.mark.parametrize(
    ('path', 'count'), [(slalom(3.5, 3.0), 1), (slalom(1.0, 3.0), 0), (curve, 0)]
)
def test_swerving_is_hard_to_both_sides(tmp_path, path, count):
    engine = engine_of(tmp_path, 'rules: {s: {traffic: swerving}}')
    alarms = of(drive(engine, 9, car=path), NEW)
    assert len(alarms) == count
    for alarm in alarms:
        one = alarm.values['lateral_acceleration_mps2']
        assert abs(one) >= 2.9
        assert one * alarm.values['lateral_acceleration_before_mps2'] < 0


@pytest.mark.parametrize(
    ('path', 'count'),
    [
        (lambda t: (10 * t, -1.5 + 3.0 * np.clip((t - 3) / 3, 0, 1)), 1),
        (lambda t: (10 * t, -1.5 + 1.8 * np.clip((t - 3) / 3, 0, 1)), 0),  # 0.3 m beyond
        (lambda t: (10 * t, -1.5 + 3.0 * (4 < t < 4.6)), 0),  # back within a second
        (lambda t: (300 + 10 * t, -1.5 + 3.0 * np.clip((t - 3) / 3, 0, 1)), 0),  # past its end
    ],
)
def test_lane_change_is_across_the_painted_line(tmp_path, path, count):
    text = LINES + 'rules: {c: {traffic: {type: lane_change, lines: [mark]}}}'
    alarms = of(drive(engine_of(tmp_path, text), 10, car=path), NEW)
    assert len(alarms) == count


@pytest.mark.parametrize(
    ('path', 'count'),
    [
        (lambda t: (100 - 8 * t, -2.0), 1),
        (lambda t: (8 * t, -2.0), 0),
        (lambda t: (100 - 1.0 * t, -2.0), 0),  # slower than 1.5 m/s
        (lambda t: (100.0, -20 + 8 * t), 0),  # across
        (lambda t: (100 - 8 * min(t, 1.0), -2.0), 0),  # for 1 s
    ],
)
def test_wrong_way_is_against_the_lane(tmp_path, path, count):
    text = LINES + 'rules: {w: {traffic: {type: wrong_way, lines: [lane]}}}'
    alarms = of(drive(engine_of(tmp_path, text), 6, car=path), NEW)
    assert len(alarms) == count
    if count:
        assert alarms[0].values['distance_m'] >= 5
        assert alarms[0].values['angle_rad'] == pytest.approx(np.pi, abs=0.1)


def test_near_miss_says_whether_by_ttc_by_pet_or_both(tmp_path):
    text = 'rules: {n: {objects: [car], relation: {type: near_miss, LIMITS}}}'

    def meet(lag, limits='ttc: 1.5, pet: 2.0'):
        """A car passes the crossing at 5 s; a person comes there `lag` s later."""
        engine = engine_of(tmp_path, text.replace('LIMITS', limits))
        alarms = drive(
            engine,
            12,
            sigma=0.02,
            car=lambda t: (8 * (t - 5), 0.0),
            person=lambda t: (0.0, 1.5 * (t - 5 - lag)),
        )
        return of(alarms, NEW)

    # Both at once: discs of 1.2 and 0.3 m overlap after 1.5 s.
    together = meet(0.0)
    assert together[0].track_ids == (1, 2)
    assert together[0].values['ttc_s'] <= 1.5
    assert 'pet_s' not in together[0].values
    # Whoever comes 2 s later never is on a course of collision, but where the car has just been.
    [later] = meet(2.0)
    assert 'ttc_s' not in later.values
    assert later.values['pet_s'] == pytest.approx(2.0, abs=1.1)
    assert meet(2.0, 'ttc: 1.5, pet: null') == []
    assert meet(6.0) == []


def test_following_is_no_near_miss_by_pet(tmp_path):
    engine = engine_of(tmp_path, 'rules: {n: {relation: {type: near_miss, with: [person]}}}')
    alarms = drive(
        engine,
        10,
        sigma=0.02,
        person1=lambda t: (1.3 * t, 0.0),
        person2=lambda t: (1.3 * t - 1.5, 0.0),
    )
    assert of(alarms, NEW) == []


def test_ttc_is_the_exact_root():
    for apart, moving, reach, expected in (
        ((10.0, 0.0), (-2.0, 0.0), 1.5, 4.25),
        ((10.0, 0.0), (2.0, 0.0), 1.5, np.inf),
        ((10.0, 2.0), (-2.0, 0.0), 1.5, np.inf),
        ((10.0, 1.0), (-2.0, 0.0), 1.5, (10 - np.sqrt(1.5**2 - 1)) / 2),
        ((1.0, 0.0), (0.0, 0.0), 1.5, 0.0),
    ):
        found = time_to_collision(np.array(apart), np.array(moving), np.array(reach))
        assert found == pytest.approx(expected)


def test_density_and_flow_are_edies(tmp_path):
    area = 'coordinates: [0,-5, 100,-5, 100,5, 0,5], inertia: 0, exit_inertia: 0'
    road = f'zones: {{road: {{frame: map, {area}}}}}\n'
    for kind, limit, expected in (('density', 9.0, 10.0), ('flow', 300.0, 360.0)):
        text = f'{road}rules: {{f: {{zones: [road], traffic: {{type: {kind}, min: {limit}}}}}}}'
        engine = engine_of(tmp_path, text)
        # Cars at 10 m/s, 100 m apart: 10 veh/km and 360 veh/h, as q = k v.
        cars = {f'car{i}': lambda t, i=i: (10 * t - 100 * i, 0.0) for i in range(8)}
        [alarm] = of(drive(engine, 70, rate=5.0, sigma=0.0, **cars), NEW)
        key = 'density_per_km' if kind == 'density' else 'flow_per_h'
        assert alarm.values[key] == pytest.approx(expected, rel=0.15)
        assert alarm.values['density_per_m2'] == pytest.approx(0.001, rel=0.15)
        assert times([alarm])[0] >= 57


def test_the_standard_deviations_are_those_of_the_fits():
    chance = np.random.default_rng(1)
    t = np.arange(26) / 25.0
    tracks = 2000
    noise = chance.normal(0, 0.1, (26, tracks, 2))
    xy = np.stack([10 * t - 1.5 * t**2, 0 * t], -1)[:, None] + noise
    points = np.concatenate([np.broadcast_to(t[:, None, None], (26, tracks, 1)), xy], axis=2)
    fit = fit_motion(points, 1.0)
    assert fit.acceleration[:, 0].mean() == pytest.approx(-3.0, abs=0.05)
    # 0.1 sqrt(720 / n) / T^2, and what each fit says of itself.
    assert fit.acceleration[:, 0].std() == pytest.approx(0.1 * np.sqrt(720 / 26), rel=0.15)
    assert np.median(fit.acceleration_sigma) == pytest.approx(fit.acceleration[:, 0].std(), rel=0.1)


@pytest.mark.parametrize(
    'line', ['{coordinates: [0,0, 1,1]}', '{frame: map, coordinates: [0,0, 1,1]}']
)
def test_traffic_needs_metres(tmp_path, line):
    text = f'lines: {{a: {line}}}\nrules: {{c: {{traffic: {{type: lane_change, lines: [a]}}}}}}'
    if 'frame' in line:
        engine_of(tmp_path, text)
    else:
        with pytest.raises(ValueError, match='a must be in metres'):
            engine_of(tmp_path, text)


DUT_RATE = 23.98


@pytest.fixture(scope='module')
def dut(shared):
    """Return rows of (frame, kind, id, x, y, vx, vy) of one real scene, by frame."""
    folder = shared / 'real' / 'video' / 'traffic' / 'dut_tracks'
    if not folder.is_dir():
        pytest.skip(f'no tracks at {folder}')
    frames = defaultdict(list)
    for kind, name in (('person', 'ped'), ('car', 'veh')):
        with (folder / f'intersection_01_traj_{name}_filtered.csv').open() as file:
            for row in csv.DictReader(file):
                values = {k: float(v) for k, v in row.items() if k.endswith('est')}
                if kind == 'car':
                    velocity = values['vel_est'] * np.array(
                        [np.cos(values['psi_est']), np.sin(values['psi_est'])]
                    )
                else:
                    velocity = np.array([values['vx_est'], values['vy_est']])
                number = int(row['id']) + (1 if kind == 'person' else 1000)
                point = (values['x_est'], values['y_est'])
                frames[int(row['frame'])].append((number, kind, point, velocity))
    return frames


def arrival_lags(dut, reach=1.5):
    """Return the least lag in s of each car and person, by the definition and their own data."""
    paths = defaultdict(list)
    for frame, rows in sorted(dut.items()):
        for number, kind, point, velocity in rows:
            paths[kind, number].append((frame / DUT_RATE, *point, *velocity))
    paths = {key: np.array(path) for key, path in paths.items()}
    lags = {}
    for (one, car), (other, person) in itertools.product(paths, paths):
        if (one, other) != ('car', 'person'):
            continue
        a, b = paths['car', car], paths['person', person]
        near = np.hypot(*(a[:, None, 1:3] - b[None, :, 1:3]).transpose(2, 0, 1)) <= reach
        speeds = np.hypot(*a[:, 3:].T)[:, None] * np.hypot(*b[:, 3:].T)
        near &= np.abs(a[:, 3:] @ b[:, 3:].T) < np.cos(np.deg2rad(30)) * speeds
        if near.any():
            lags[person, car] = np.abs(a[:, None, 0] - b[None, :, 0])[near].min()
    return lags


def test_real_tracks_give_their_velocities_and_near_misses(tmp_path, dut):
    limits = 'type: near_miss, ttc: null, pet: 2.0'
    engine = engine_of(tmp_path, f'rules: {{n: {{objects: [car], relation: {{{limits}}}}}}}')
    alarms, errors = [], []
    history = defaultdict(list)
    for frame, rows in sorted(dut.items()):
        actors = []
        for number, kind, point, velocity in rows:
            box = (8.0 * number, 10.0, 8.0 * number + 4, 14.0)
            actors.append(Actor(number, kind, box, {}, point, 'map'))
            history[number].append((frame, velocity))
        alarms += engine.step(scene(frame / DUT_RATE, *actors))
        state = engine._cameras[''].state
        for number, _, _, _ in rows:
            row = state.table._row_of[number]
            past = [v for f, v in history[number] if f > frame - DUT_RATE]
            if len(past) >= 24:
                errors.append(np.hypot(*(state.motion.fit.velocity[row] - np.mean(past, axis=0))))
    # Their filter's velocities, averaged over the window of the fit.
    assert np.median(errors) < 0.1
    found = {alarm.track_ids for alarm in alarms}
    lags = arrival_lags(dut)
    assert found
    assert {pair for pair, lag in lags.items() if lag <= 1.7} <= found
    assert found <= {pair for pair, lag in lags.items() if lag <= 2.3}
