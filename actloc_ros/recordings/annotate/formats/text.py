"""Make texts that a format can hold of names that may hold anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actloc_ros.recordings.annotate.annotation import AnnotateError

REPLACEMENT = '\ufffd'


def one_line(text: str) -> str:
    """Return a text on one line that XML and UTF-8 can hold.

    White space of any kind becomes single spaces; what no file can hold (control characters,
    halves of surrogate pairs, as names of files may have) becomes U+FFFD.
    """
    return ''.join(_held(character) for character in ' '.join(text.split()))


def distinct(
    labels: Sequence[str], kind: str, change: Callable[[str], str] = one_line
) -> dict[str, str]:
    """Return what each label is called in a format.

    Args:
        labels: The labels.
        kind: The format, for the message.
        change: Makes a label's name there.

    Raises:
        AnnotateError: Two labels would have the same name, or one none.
    """
    names = {label: change(label) for label in labels}
    for label, name in names.items():
        if not name:
            raise AnnotateError(f'the label {label!r} is empty in {kind}; give it a name')
        other = next(each for each in names if names[each] == name)
        if other != label:
            raise AnnotateError(
                f'the labels {other!r} and {label!r} are both {name!r} in {kind}; rename one'
            )
    return names


def _held(character: str) -> str:
    code = ord(character)
    broken = code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000
    return REPLACEMENT if broken or code in (0xFFFE, 0xFFFF) else character
