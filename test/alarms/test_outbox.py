"""Check that the outbox keeps letters in order, within its bounds, whatever the disk does."""

import pytest

from actloc_ros.alarms.outbox import Letter, Outbox
from actloc_ros.files import OutputError


def letter(body, severity='alert', channel='ops'):
    return Letter(0, channel, severity, str(body))


def bodies(outbox, channel='ops'):
    found = []
    while (there := outbox.next(channel)) is not None:
        found.append(there.body)
        outbox.remove(there)
    return found


def test_letters_stay_in_order_until_they_are_removed(tmp_path):
    outbox = Outbox(tmp_path / 'outbox.sqlite')
    for body in range(3):
        outbox.add(letter(body))
    outbox.add(letter('other', channel='family'))
    first = outbox.next('ops')
    assert outbox.next('ops') == first
    outbox.close()
    outbox = Outbox(tmp_path / 'outbox.sqlite')
    assert outbox.waiting() == {'ops': 3, 'family': 1}
    assert bodies(outbox) == ['0', '1', '2']
    outbox.close()


def test_the_oldest_detections_go_first_then_the_oldest_alerts(tmp_path):
    outbox = Outbox(tmp_path / 'outbox.sqlite', most=4)
    for body, severity in enumerate(('alert', 'detection', 'alert', 'detection', 'alert', 'alert')):
        outbox.add(letter(body, severity))
    assert outbox.dropped == 2
    outbox.add(letter(6))
    assert outbox.dropped == 3
    assert bodies(outbox) == ['2', '4', '5', '6']
    outbox.close()


def test_a_full_disk_keeps_letters_in_memory(small_disk):
    outbox = Outbox(small_disk('128k') / 'outbox.sqlite', most=500)
    for body in range(100):
        outbox.add(letter(f'{body:04}' * 500))
    assert outbox.unsaved > 10
    assert sum(outbox.waiting().values()) == 100
    assert [body[:4] for body in bodies(outbox)] == [f'{body:04}' for body in range(100)]
    for body in range(2000):
        outbox.add(letter(f'{body:04}' * 500))
    assert sum(outbox.waiting().values()) <= 500
    assert outbox.dropped >= 1500
    outbox.close()


def test_two_programs_do_not_share_an_outbox_nor_take_another_file(tmp_path):
    outbox = Outbox(tmp_path / 'outbox.sqlite')
    with pytest.raises(OutputError, match='in use by process'):
        Outbox(tmp_path / 'outbox.sqlite')
    outbox.close()
    (tmp_path / 'text').write_text('no database ' * 100)
    with pytest.raises(OutputError, match='cannot be used as an outbox'):
        Outbox(tmp_path / 'text')
    assert (tmp_path / 'text').read_text().startswith('no database')
