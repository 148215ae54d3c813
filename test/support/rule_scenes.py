"""Make rules and scenes for tests of rules, and collect the alarms that come of them."""

from actloc_ros.alarms.alarm import AlarmType
from actloc_ros.frames import nanoseconds
from actloc_ros.rules.engine import RuleEngine
from actloc_ros.rules.file.rules_file import read_rules
from actloc_ros.rules.scene import Actor, Scene

SIZE = 1000, 500  # pixels
RATE = 10.0
BEGIN = 1_700_000_000.0  # s


def engine_of(tmp_path, text, **options):
    return RuleEngine(rules_of(tmp_path, text).rules, **options)


def rules_of(tmp_path, text):
    path = tmp_path / 'rules.yaml'
    path.write_text('version: 1\n' + text)
    return read_rules(path)


def person(track_id=1, x=0.5, y=0.8, kind='person', width=0.05, height=0.4, **scores):
    """Return an actor whose bottom centre is at shares x, y of the image."""
    across, down = SIZE
    box = (
        (x - width / 2) * across,
        (y - height) * down,
        (x + width / 2) * across,
        y * down,
    )
    return Actor(track_id, kind, box, scores)


def scene(time, *actors, camera=''):
    return Scene(camera, nanoseconds(BEGIN + time), *SIZE, actors)


def play(engine, seconds, actors_at, begin=0.0, rate=RATE, camera=''):
    """Return the alarms of `seconds` s in which `actors_at(time)` says who is there."""
    alarms = []
    for step in range(round(seconds * rate)):
        time = begin + step / rate
        alarms += engine.step(scene(time, *actors_at(time), camera=camera))
    return alarms


def times(alarms, kind=AlarmType.NEW):
    """Return when steps of a kind came, in s from the begin."""
    return [round(alarm.stamp / 1e9 - BEGIN, 3) for alarm in alarms if alarm.type is kind]


def of(alarms, kind):
    return [alarm for alarm in alarms if alarm.type is kind]
