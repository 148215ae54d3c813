"""Check that a bag is annotated as a bag: its own messages stay, and stock tools read ours."""

from collections import Counter

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rosbags.highlevel import AnyReader
from walkers import DELAY, MODEL, RATE, SECOND, walkers, write_film, write_mcap, write_sqlite

from actloc_ros.cli.main import main
from actloc_ros.io.bags import read_detections, read_label_info
from actloc_ros.io.sources import open_source

OURS = '/actloc/annotation/'


def annotate(recording, out, *options):
    command = ['annotate', str(recording), '--to', 'foxglove', '--out', str(out), '--model', MODEL]
    return main([*command, *options])


def records(path):
    """Return all of a file's messages with all that is said of them."""
    with path.open('rb') as file:
        return [
            (
                channel.topic,
                channel.message_encoding,
                tuple(channel.metadata.items()),
                schema and (schema.name, schema.encoding, schema.data),
                (message.log_time, message.publish_time, message.sequence, message.data),
            )
            for schema, channel, message in make_reader(file).iter_messages()
        ]


def decoded(path, topic):
    with path.open('rb') as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        return [
            (message.log_time, found)
            for _, _, message, found in reader.iter_decoded_messages(topics=[OURS + topic])
        ]


def nanoseconds(time):
    return time.sec * SECOND + time.nanosec


@pytest.fixture(scope='module')
def original(tmp_path_factory):
    return write_mcap(tmp_path_factory.mktemp('bags') / "robot's run.mcap", walkers())


@pytest.fixture(scope='module')
def annotated(original):
    path = original.with_name('annotated.mcap')
    assert annotate(original, path) == 0
    return path


def test_original_messages_are_there_byte_for_byte(original, annotated):
    found = [row for row in records(annotated) if not row[0].startswith(OURS)]
    assert Counter(found) == Counter(records(original))
    times = [row[-1][0] for row in records(annotated)]
    assert times == sorted(times)
    with annotated.open('rb') as file:
        reader = make_reader(file)
        [attachment], [metadata] = list(reader.iter_attachments()), list(reader.iter_metadata())
    assert (attachment.name, attachment.data) == ('map.txt', b'here')
    assert (metadata.name, metadata.metadata) == ('robot', {'name': 'r2'})


def test_events_say_who_did_what_when(annotated):
    events = [
        (logged, event, {pair.key: pair.value for pair in event.metadata})
        for logged, event in decoded(annotated, 'events')
    ]
    first = SECOND + DELAY
    assert [
        (said['track'], said['label'], nanoseconds(event.start_time), nanoseconds(event.end_time))
        for _, event, said in events
    ] == [
        ('1', 'red', first, first + 19 * SECOND // RATE),
        ('1', 'green', first + 6 * SECOND // RATE, first + 11 * SECOND // RATE),
        ('2', 'green', first + 8 * SECOND // RATE, first + 19 * SECOND // RATE),
    ]
    assert all(logged == nanoseconds(event.start_time) for logged, event, _ in events)
    assert [said['review'] for _, _, said in events] == ['false', 'false', 'true']
    assert (events[1][2]['start'], events[1][2]['end']) == ('0.600', '1.200')


def test_boxes_lie_over_the_image_of_their_time(annotated):
    boxes = decoded(annotated, 'boxes')
    assert [logged for logged, _ in boxes] == [frame.stamp + DELAY for frame in walkers()]
    last = boxes[-1][1]
    assert [nanoseconds(each.timestamp) + DELAY for each in last.points] == [boxes[-1][0]] * 2
    corners = sorted(next((point.x, point.y) for point in each.points) for each in last.points)
    assert corners == [(42, 20), (110, 10)]
    assert {each.text for each in last.texts} == {'1 red', '2 green'}
    assert {each.type for each in last.points} == {2}  # a closed line


def test_rosbags_and_our_own_readers_read_it_without_any_install(annotated):
    with AnyReader([annotated]) as reader:
        topics = {each.topic: each for each in reader.connections}
        [events, boxes] = [topics[OURS + name] for name in ('events', 'boxes')]
        found = [
            reader.deserialize(data, each.msgtype) for each, _, data in reader.messages([events])
        ]
        assert len(found) == 3
        assert events.msgtype == 'foxglove_msgs/msg/Event'
        assert boxes.msgcount == 20
    detections = list(read_detections(annotated))
    assert len(detections) == 21  # the last one says what ended
    assert list(read_label_info(annotated).labels) == ['red', 'green', 'blue']
    frames = list(open_source(annotated, '/cam/image'))
    assert np.array_equal(frames[5].image, walkers()[5].image)


def test_a_database_keeps_its_messages(tmp_path):
    bag = write_sqlite(tmp_path / 'bag', walkers())
    path = tmp_path / 'out.mcap'
    assert annotate(bag, path) == 0
    with AnyReader([bag]) as reader:
        before = [(c.topic, c.msgtype, t, bytes(data)) for c, t, data in reader.messages()]
    with AnyReader([path]) as reader:
        after = [
            (c.topic, c.msgtype, t, bytes(data))
            for c, t, data in reader.messages()
            if not c.topic.startswith(OURS)
        ]
    assert Counter(before) == Counter(after)
    assert len(decoded(path, 'events')) == 3


def test_a_video_comes_with_its_images(tmp_path):
    film = write_film(tmp_path / 'a.mp4', walkers())
    path = tmp_path / 'out.mcap'
    assert annotate(film, path) == 0
    frames = list(open_source(path))
    assert [frame.stamp for frame in frames] == [n * SECOND // RATE for n in range(20)]
    assert len(decoded(path, 'events')) == 3


def test_what_is_annotated_already_is_refused(annotated, tmp_path, capsys):
    assert annotate(annotated, tmp_path / 'b.mcap', '--topic', '/cam/image') == 2
    assert 'holds an annotation already' in capsys.readouterr().err
    assert annotate(annotated, annotated, '--topic', '/cam/image') == 2
    assert 'is the source' in capsys.readouterr().err
