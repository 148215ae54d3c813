"""Test that files appear whole or not at all."""

import pytest

from actloc_ros.files import read_text, short_name, text_encoding, write_whole


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
        raise OSError('disk full')


def test_after_an_error_the_file_is_as_it_was(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('old')
    with pytest.raises(OSError, match='disk full'):
        write_half(path)
    assert path.read_text() == 'old'
    assert (tmp_path / 'a.json.partial').read_text() == 'ne'


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
