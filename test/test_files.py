"""Test that files appear whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from actloc_ros.files import (
    OutputError,
    read_csv,
    read_text,
    read_yaml,
    refuse_input,
    short_name,
    text_encoding,
    write_whole,
)


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('old')
    with write_whole(path) as file:
        file.write_text('new')
        assert path.read_text() == 'old'
    assert path.read_text() == 'new'
    assert list(tmp_path.iterdir()) == [path]


def write_half(path):
    with write_whole(path) as file:
        file.write_text('ne')
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_after_an_error_the_file_is_as_it_was_and_nothing_else_is_left(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('old')
    with pytest.raises(OutputError, match=r'a.json cannot be written: No space left on device'):
        write_half(path)
    assert path.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_of_another_file_is_not_taken_for_one_of_this(tmp_path):
    with pytest.raises(FileNotFoundError, match='other'), write_whole(tmp_path / 'a.json'):
        (tmp_path / 'other').read_text()


def test_of_two_writers_at_a_time_the_last_one_counts(tmp_path):
    path = tmp_path / 'a.txt'
    with write_whole(path) as one:
        one.write_text('one')
        with write_whole(path) as two:
            two.write_text('two')
        assert path.read_text() == 'two'
    assert path.read_text() == 'one'
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed_and_stays(tmp_path):
    link, path = tmp_path / 'link', tmp_path / 'a.txt'
    link.symlink_to(path)
    with write_whole(link) as file:
        file.write_text('new')
    assert (link.is_symlink(), path.read_text()) == (True, 'new')


def test_a_descriptor_is_written_to(tmp_path):
    with (tmp_path / 'a.txt').open('w+') as opened:
        with write_whole(Path(f'/dev/fd/{opened.fileno()}')) as file:
            file.write_text('new')
        assert opened.read() == 'new'


def test_a_device_is_written_to_and_stays_one():
    with write_whole(Path('/dev/null')) as file:
        file.write_text('gone')
    assert not Path('/dev/null').is_file()


def test_a_name_of_full_length_can_be_written(tmp_path):
    path = tmp_path / ('n' * 251 + '.txt')
    with write_whole(path) as file:
        file.write_text('new')
    assert path.read_text() == 'new'


def test_what_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OutputError, match='is a folder'), write_whole(tmp_path):
        pass
    lost = tmp_path / 'absent' / 'a.txt'
    fault = r'absent/a.txt cannot be written: No such file'
    with pytest.raises(OutputError, match=fault), write_whole(lost) as file:
        file.write_text('new')


def test_what_is_read_is_not_written_over_by_any_name(tmp_path):
    source = tmp_path / 'footage' / 'a.mp4'
    source.parent.mkdir()
    source.write_text('footage')
    (tmp_path / 'soft').symlink_to(source)
    (tmp_path / 'hard').hardlink_to(source)
    (source.parent / 'broken').symlink_to(tmp_path / 'absent')
    for name in ('footage/a.mp4', 'soft', 'hard', 'footage/../footage/a.mp4'):
        for given in (source, source.parent):
            with pytest.raises(OutputError, match=f'{name} is the source'):
                refuse_input(tmp_path / name, given)
    refuse_input(tmp_path / 'new.mp4', source)
    (tmp_path / 'other').write_text('older')
    refuse_input(tmp_path / 'other', source, source.parent, tmp_path / 'absent')


@pytest.mark.parametrize(
    ('name', 'short'), [('run/v_1.AVI', 'v_1'), ('v_1', 'v_1'), ('a/v.1.png', 'v.1.png')]
)
def test_a_short_name_has_no_folder_and_no_video_suffix(name, short):
    assert short_name(name) == short


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le'])
def test_text_is_read_by_its_byte_order_mark(tmp_path, encoding):
    path = tmp_path / 'a.txt'
    mark = b'\xff\xfe' if encoding == 'utf-16-le' else b''
    path.write_bytes(mark + 'Grüße 👋'.encode(encoding))
    assert read_text(path) == 'Grüße 👋'
    assert path.read_text(text_encoding(path)) == 'Grüße 👋'


def test_what_is_no_text_is_named(tmp_path):
    for content in (b'caf\xe9', b'\xff\xfe\0'):
        (tmp_path / 'a.txt').write_bytes(content)
        with pytest.raises(ValueError, match=r'a\.txt is no text in UTF-8'):
            read_text(tmp_path / 'a.txt')


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('a: [1,\nb: 2', r'is no YAML: .* in line 2, column \d'),
        (b'a: \xff', 'is no YAML: '),
        ('a: ' + '1' * 5000, 'is no YAML: '),
        ('a: 2020-13-45', 'is no YAML: '),
        ('[' * 3000, 'is no YAML: '),
        ('a: &a {b: *a}', 'leave out aliases'),
        ('\n'.join(f'a{i}: &a{i} [{", ".join([f"*a{i - 1}"] * 9)}]' for i in range(1, 9)).replace(
            '*a0', '1'), 'leave out aliases'),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_refused_in_one_line(tmp_path, text, said):
    path = tmp_path / 'a.yaml'
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ValueError, match=said) as error:
        read_yaml(path)
    assert 'a.yaml' in str(error.value)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_yaml_and_csv_are_read_as_windows_writes_them(tmp_path, encoding):
    path = tmp_path / 'a.txt'
    path.write_bytes('a: &x [1, é]\r\nb: *x\r\n'.encode(encoding))
    assert read_yaml(path) == {'a': [1, 'é'], 'b': [1, 'é']}
    path.write_bytes('a,"b,\r\nc"\r\n\r\né,1\r\n'.encode(encoding))
    assert list(read_csv(path)) == [(2, ['a', 'b,\nc']), (4, ['é', '1'])]


def test_what_is_no_csv_is_refused(tmp_path):
    path = tmp_path / 'a.csv'
    for data, said in (
        (b'a,\xff', r'a\.csv is no text'),
        (b'a,' + b'b' * 200_000, r'a\.csv, line'),
    ):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=said):
            list(read_csv(path))
