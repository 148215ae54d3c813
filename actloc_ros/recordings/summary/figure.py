"""Draw rectangles and text, as SVG by a template and as PNG by OpenCV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from actloc_ros.files import OutputError, write_whole
from actloc_ros.recordings.summary.palette import INK, PAPER, rgb

SCALE = 2  # pixels of a PNG for each unit
LETTER = 0.55  # width of a letter, in sizes, of the widest common sans serif
SUFFIXES = ('.svg', '.png')
FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_HEIGHT = 30.0  # units of text of OpenCV's scale 1, by size
SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="{{ width }}" height="{{ height }}"
 viewBox="0 0 {{ width }} {{ height }}" font-family="system-ui, sans-serif">
<title>{{ title }}</title>
<rect width="100%" height="100%" fill="{{ paper }}"/>
{% for s in boxes -%}
<rect x="{{ s.x|round(2) }}" y="{{ s.y|round(2) }}" width="{{ s.width|round(2) }}" \
height="{{ s.height|round(2) }}" fill="{{ s.colour }}" opacity="{{ s.opacity|round(3) }}"/>
{% endfor -%}
{% for t in texts -%}
<text x="{{ t.x|round(2) }}" y="{{ t.y|round(2) }}" font-size="{{ t.size }}" \
fill="{{ t.colour }}" text-anchor="{{ t.anchor }}"{% if t.bold %} font-weight="600"{% endif %}>\
{{ t.text }}</text>
{% endfor -%}
</svg>
"""


@dataclass(frozen=True)
class Box:
    """A filled rectangle, in units from the top left corner."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    opacity: float = 1.0


@dataclass(frozen=True)
class Text:
    """A line of text; `y` is its base line, `anchor` `start`, `middle` or `end` at `x`."""

    x: float
    y: float
    text: str
    size: float = 11
    colour: str = INK
    anchor: str = 'start'
    bold: bool = False


@dataclass
class Figure:
    """A picture of rectangles with text over them."""

    title: str
    width: float
    height: float = 0
    boxes: list[Box] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)


def check_suffix(path: Path) -> Path:
    """Return a path that names a picture.

    Raises:
        OutputError: Its suffix is neither .svg nor .png.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f'{path} names no kind of picture; use {" or ".join(SUFFIXES)}')
    return path


def write_figure(figure: Figure, path: Path) -> None:
    """Write a picture as what its suffix says.

    Raises:
        OutputError: It cannot be written, or the suffix is neither .svg nor .png.
    """
    check_suffix(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as file:
        if path.suffix.lower() == '.svg':
            file.write_text(figure_svg(figure), 'utf-8')
        else:
            bgr = figure_image(figure)[:, :, ::-1]
            file.write_bytes(cv2.imencode('.png', bgr)[1].tobytes())


def figure_svg(figure: Figure) -> str:
    """Return a picture as SVG; names in it are escaped."""
    from jinja2 import Environment

    template = Environment(autoescape=True).from_string(SVG)
    return template.render(
        title=_printable(figure.title),
        width=round(figure.width),
        height=round(figure.height),
        paper=PAPER,
        boxes=figure.boxes,
        texts=[
            Text(t.x, t.y, _printable(t.text), t.size, t.colour, t.anchor, t.bold)
            for t in figure.texts
        ],
    )


def figure_image(figure: Figure) -> np.ndarray:
    """Return a picture as uint8 (H, W, 3) RGB; letters that OpenCV lacks become `?`."""
    height, width = round(figure.height * SCALE), round(figure.width * SCALE)
    canvas = np.full((height, width, 3), rgb(PAPER), np.uint8)
    for box in figure.boxes:
        _fill(canvas, box)
    for text in figure.texts:
        _write(canvas, text)
    return canvas


def _printable(text: str) -> str:
    """Return text without what XML cannot hold: control characters and halves of surrogates."""
    return ''.join(c if c.isprintable() else '\N{REPLACEMENT CHARACTER}' for c in text)


def _fill(canvas: np.ndarray, box: Box) -> None:
    left, top = _pixel(box.x), _pixel(box.y)
    right = max(left + 1, _pixel(box.x + box.width))
    bottom = max(top + 1, _pixel(box.y + box.height))
    patch = canvas[max(0, top) : bottom, max(0, left) : right]
    colour = np.array(rgb(box.colour), np.float32)
    patch[:] = np.round(patch * (1 - box.opacity) + colour * box.opacity).astype(np.uint8)


def _pixel(place: float) -> int:
    return round(round(place * SCALE, 6))  # sums that differ by their last digit are one edge


def _write(canvas: np.ndarray, text: Text) -> None:
    shown = text.text.replace('…', '..').encode('ascii', 'replace').decode()
    scale = text.size * SCALE / FONT_HEIGHT
    thickness = 2 if text.bold else 1
    width = float(cv2.getTextSize(shown, FONT, scale, thickness)[0][0])
    room = len(text.text) * text.size * LETTER * SCALE  # as everything is laid out
    if width > room:
        width, scale = room, scale * room / width
    shift = {'start': 0.0, 'middle': width / 2, 'end': width}[text.anchor]
    at = round(text.x * SCALE - shift), round(text.y * SCALE)
    cv2.putText(canvas, shown, at, FONT, scale, rgb(text.colour), thickness, cv2.LINE_AA)


def shortened(text: str, width: float, size: float) -> str:
    """Return text that fits into a width in units, with its middle left out where it does not."""
    most = max(4, int(width / (size * LETTER)))
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f'{text[:head]}…{text[len(text) - (most - 1 - head) :]}'


def legend(
    figure: Figure, names: Sequence[tuple[str, str]], left: float, top: float, size: float = 11
) -> float:
    """Draw names with their colours in lines; return the height that they take."""
    x, y = left, top
    for name, colour in names:
        width = len(name) * size * LETTER + 30
        if x + width > figure.width - 16 and x > left:
            x, y = left, y + 1.7 * size
        figure.boxes.append(Box(x, y - 0.75 * size, 0.85 * size, 0.85 * size, colour))
        figure.texts.append(Text(x + 1.3 * size, y, name, size))
        x += width
    return y - top + size
