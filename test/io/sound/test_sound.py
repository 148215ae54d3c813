"""Test that sound of files, bags and messages is found at its time, whatever its form."""

from itertools import pairwise

import av
import numpy as np
import pytest
from numbered import write_images
from recordings import colour_image, write_video
from sound_files import RATE, SECOND, beeps, sound_messages, write_media, write_sound_bag

from actloc_ros.io.sound.bag import BagSound
from actloc_ros.io.sound.buffer import SoundBuffer
from actloc_ros.io.sound.coding import SoundDecoder, SoundError, SoundFormat
from actloc_ros.io.sound.media import read_sound
from actloc_ros.io.sound.open import SoundSource, is_sound_alone, open_sound
from actloc_ros.io.sound.stream import Piece, SoundStream, index_at
from actloc_ros.io.sound.track import SoundTrack
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import SOUND_RATE


def wave(seconds, rate, frequency=440.0):
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate).astype(
        np.float32
    )


def joined(pieces):
    assert all(a.end == b.index for a, b in pairwise(pieces))
    return np.concatenate([piece.samples for piece in pieces])


def loud_times(track, seconds, start=0):
    """Return from when to when a track is loud, in s after `start`."""
    sound = track.sound('', start, start + round(seconds * SECOND))
    loud = np.flatnonzero(np.abs(sound) > 0.1) / SOUND_RATE
    return loud.min(), loud.max()


@pytest.mark.parametrize('rate', [8000, 16_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize('channels', [1, 2])
def test_any_rate_becomes_one_without_a_shift(rate, channels):
    stream, given = SoundStream(), wave(1.0, rate)
    pieces, begin = [], 3 * SECOND
    for at in range(0, len(given), 997):
        block = np.repeat(given[at : at + 997, None], channels, axis=1)
        pieces += stream.add(begin + at * SECOND // rate, block, rate)
    pieces += stream.flush()
    assert pieces[0].index == 3 * SOUND_RATE
    sound, wanted = joined(pieces), wave(1.0, SOUND_RATE)
    assert abs(len(sound) - len(wanted)) <= 32
    middle = slice(2000, 30_000)
    assert np.abs(sound[middle] - wanted[middle]).max() < 0.01


def test_stamps_that_jitter_make_no_gap_and_a_gap_is_one():
    stream, block = SoundStream(), np.ones((3200, 1), np.float32)
    pieces = []
    for stamp in (0, 0.13, 0.17, 0.31, 1.0, 1.1):
        pieces += stream.add(round(stamp * SECOND), block, SOUND_RATE)
    assert [piece.index for piece in pieces] == [0, 3200, 6400, 9600, 32_000, 35_200]


def test_a_buffer_gives_what_was_heard_and_zeros_where_nothing_was():
    buffer = SoundBuffer(2.0)
    assert buffer.read(0, SECOND) is None
    buffer.add(Piece(0, np.full(16_000, 0.25, np.float32)))
    buffer.add(Piece(32_000, np.full(16_000, 0.5, np.float32)))
    sound = buffer.read(SECOND // 4, SECOND * 5 // 4)
    assert len(sound) == SOUND_RATE
    assert sound[[0, 7_999, 8_000, 23_999, 24_000]].tolist() == [0.25, 0.25, 0, 0, 0.5]
    buffer.add(Piece(40_000, np.full(8_000, 0.75, np.float32)))  # again from 1.25 s
    assert buffer.read(SECOND, 3 * SECOND // 2)[[0, 7_999, 8_000]].tolist() == [0.5, 0.5, 0.75]
    buffer.add(Piece(96_000, np.zeros(16_000, np.float32)))
    assert buffer.read(0, SECOND) is None  # older than is kept
    buffer.add(Piece(0, np.ones(10, np.float32)))  # time has jumped back
    assert buffer.end == 10


@pytest.mark.parametrize(
    ('name', 'kind', 'scale'),
    [
        ('S8', 'i1', 127), ('U8', 'u1', 127), ('S16LE', '<i2', 32767), ('S16BE', '>i2', 32767),
        ('U16LE', '<u2', 32767), ('S32LE', '<i4', 2**31 - 1), ('F32LE', '<f4', 1),
        ('F64BE', '>f8', 1),
    ],
)  # fmt: skip
def test_raw_samples_of_all_formats(name, kind, scale):
    given = np.array([0, 0.5, -0.5, 0.9], np.float64)
    raw = given * scale + (scale + 1 if name[0] == 'U' else 0)
    raw = raw if name[0] == 'F' else np.round(raw)
    [(samples, rate)] = SoundDecoder(SoundFormat('wave', name, 8000, 2)).decode(
        raw.astype(kind).tobytes()
    )
    assert rate == 8000
    assert samples.shape == (2, 2)
    assert np.abs(samples.ravel() - given).max() < 0.02


@pytest.mark.parametrize('order', ['LE', 'BE'])
def test_samples_of_three_bytes(order):
    numbers = [0, 4_194_304, -4_194_304, 8_388_607]
    name = {'LE': 'little', 'BE': 'big'}[order]
    data = b''.join(n.to_bytes(3, name, signed=True) for n in numbers)
    [(samples, _)] = SoundDecoder(SoundFormat('wave', f'S24{order}', 8000, 1)).decode(data)
    assert samples.ravel().tolist() == pytest.approx([0, 0.5, -0.5, 1], abs=1e-6)


@pytest.mark.parametrize(
    ('text', 'fault'),
    [
        ('S16LE', 'no format of sound'),
        ('S16LE,x,1', 'no format of sound'),
        ('Q16LE,16000,1', 'no sample format'),
        ('S16,16000,1', 'no sample format'),
        ('S16LE,0,1', '0 Hz'),
        ('S16LE,16000,0', '0 channels'),
    ],
)
def test_a_format_that_is_none_is_refused(text, fault):
    with pytest.raises(SoundError, match=fault):
        SoundFormat.parse(text)
    assert SoundFormat.parse('F32LE, 48000, 2') == SoundFormat('wave', 'F32LE', 48_000, 2)


def test_half_a_sample_is_refused():
    with pytest.raises(SoundError, match='3 bytes of sound'):
        SoundDecoder(SoundFormat()).decode(b'abc')


def test_a_video_has_its_sound_at_its_pictures_times(tmp_path):
    images = np.zeros((20, 48, 64, 3), np.uint8)
    path = write_media(tmp_path / 'a.mkv', beeps(2.0, 1.0), images=images)
    track = open_sound(open_source(path))
    first, last = loud_times(track, 2.0)
    assert (first, last) == (pytest.approx(1.0, abs=0.01), pytest.approx(1.4, abs=0.01))
    assert not is_sound_alone(path)


def test_sound_that_begins_late_and_is_asked_for_twice(tmp_path):
    path = write_media(tmp_path / 'a.mka', beeps(1.0, 0.2), start=0.5)
    track = SoundTrack(lambda: read_sound(path))
    for _ in range(2):
        assert loud_times(track, 1.5)[0] == pytest.approx(0.7, abs=0.01)
    assert track.sound('', -SECOND, -SECOND // 2) is None
    assert is_sound_alone(path)


@pytest.mark.parametrize('stamped', [True, False])
def test_a_bag_has_its_sound_by_stamps_or_by_when_it_was_logged(tmp_path, stamped):
    start = 5 * SECOND
    path = write_sound_bag(tmp_path / 'bag', beeps(2.0, 0.5), start=start, stamped=stamped)
    sound = BagSound(path)
    assert sound.topic == '/audio'
    first, last = loud_times(SoundTrack(sound.pieces), 2.0, start)
    assert (first, last) == (pytest.approx(0.5, abs=0.01), pytest.approx(0.9, abs=0.01))
    stamps = [frame.stamp for frame in SoundSource(path)]
    assert stamps == [start + i * SECOND // 10 for i in range(1, 21)]


def test_a_bag_that_does_not_say_what_its_bytes_are(tmp_path):
    path = write_sound_bag(tmp_path / 'bag', beeps(1.0, 0.5), info=False)
    with pytest.raises(SoundError, match='--sound-format'):
        BagSound(path)
    track = SoundTrack(BagSound(path, sound_format='S16LE,16000,1').pieces)
    assert loud_times(track, 1.0, 5 * SECOND)[0] == pytest.approx(0.5, abs=0.01)
    with pytest.raises(SoundError, match='no sound topic /other; it has /audio'):
        BagSound(path, 'other')


def test_sound_as_mp3_in_messages():
    encoder = av.CodecContext.create('libmp3lame', 'w')
    encoder.sample_rate, encoder.layout, encoder.format = RATE, 'mono', 's16p'
    packets = []
    for begin, data in sound_messages(beeps(2.0, 1.0), 576):
        frame = av.AudioFrame.from_ndarray(np.frombuffer(data, '<i2')[None], 's16p', 'mono')
        frame.sample_rate, frame.pts = RATE, begin
        packets += encoder.encode(frame)
    data = b''.join(bytes(packet) for packet in [*packets, *encoder.encode(None)])
    decoder = SoundDecoder(SoundFormat.parse('mp3'))
    blocks = [b for at in range(0, len(data), 300) for b in decoder.decode(data[at : at + 300])]
    assert {rate for _, rate in blocks} == {RATE}
    loud = np.flatnonzero(np.abs(np.concatenate([s for s, _ in blocks])) > 0.2) / RATE
    assert loud.min() == pytest.approx(1.0, abs=0.15)  # the encoder's delay
    assert loud.max() - loud.min() == pytest.approx(0.4, abs=0.05)


def test_what_has_no_sound_says_so(tmp_path):
    silent = write_video(tmp_path / 'a.mp4', [colour_image()] * 5)
    with pytest.raises(SoundError, match='no sound that can be decoded'):
        open_sound(open_source(silent))
    folder = write_images(tmp_path / 'images', ['1.png', '2.png'])
    with pytest.raises(SoundError, match='is a folder of images'):
        open_sound(open_source(folder))
    with pytest.raises(SoundError, match='cannot be read as sound'):
        list(read_sound(tmp_path / 'none.wav'))


def test_index_of_a_stamp_far_from_zero():
    assert index_at(1_700_000_000 * SECOND + SECOND // 2) == 1_700_000_000 * SOUND_RATE + 16_000
    assert index_at(-SECOND) == -SOUND_RATE
