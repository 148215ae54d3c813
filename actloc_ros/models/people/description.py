"""Describe any people network: a YAML file beside its ONNX file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from actloc_ros.files import read_yaml, write_whole
from actloc_ros.models.errors import ModelError
from actloc_ros.models.skeleton_n.features import Joint
from actloc_ros.models.vision.placing import FILTERS, MULTIPLE, RESIZES

JOINT_NAMES = tuple(joint.name.lower() for joint in Joint)
"""COCO's 17, in its order."""
COLOURS = ('rgb', 'bgr')
HEATMAPS = ('heatmap_plain', 'heatmap_dark', 'heatmap_udp')
IN_BOXES = ('simcc', *HEATMAPS)
"""Layouts of networks that find joints in the boxes of another one."""
LAYOUTS = ('yolox', 'nanodet', 'rtmdet', 'movenet_multipose', 'rtmo', *IN_BOXES)
LARGEST = 1e9  # of any number


@dataclass(frozen=True)
class PeopleFile:
    """What a people network takes and gives.

    Attributes:
        people: Its ONNX file; a relative path counts from the folder of the YAML file.
        layout: Of its outputs, one of `LAYOUTS`; see `layouts`.
        resize: How an image becomes an input: `keep_ratio` scales it to fit `size` and pads it on
            the right and at the bottom to multiples of 32; `letterbox` likewise to all of `size`;
            `letterbox_centred` pads on both sides; `stretch` scales each side for itself.
        size: Height and width of the input in pixels, at most.
        colour: Order of the channels, `rgb` or `bgr`.
        maximum: What the value 255 becomes.
        mean: Subtracted after that, a value a channel in the input's order.
        std: Divided by after that.
        pad: Value of padding, 0 to 255.
        filter: By which images are made smaller, `area` or `linear`.
        threshold: Score from which a person is reported.
        nms_iou: Overlap above which the weaker of two boxes is dropped, in layouts that need it.
        person: Class of people among a detector's classes.
        strides: Pixels a cell, of each level of `yolox` and `nanodet`.
        point_offset: Where in its cell a point of `nanodet` lies: 0.5 is the middle, 0 the corner.
        classes: How many a network of `nanodet` tells apart.
        joints: Names of the joints in order; absent are COCO's 17. Those that COCO does not have
            are left out, and those that only COCO has get confidence 0.
        boxes: For `simcc` and heat maps alone: the network that finds the boxes; the path of its
            YAML file, like `people`, or a name as `open_people` has it, such as `people_n`.
        blur: Cells, odd, by which `heatmap_dark` and `heatmap_udp` blur: 11 for maps made with a
            sigma of 2 cells, 17 for 3.
    """

    people: str
    layout: str
    resize: str
    size: tuple[int, int]
    colour: str
    maximum: float = 255.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    pad: int = 114
    filter: str = 'area'
    threshold: float = 0.5
    nms_iou: float = 0.6
    person: int = 0
    strides: tuple[int, ...] = (8, 16, 32)
    point_offset: float = 0.5
    classes: int = 80
    joints: tuple[str, ...] = JOINT_NAMES
    boxes: str = ''
    blur: int = 11

    def __post_init__(self) -> None:
        """Check what types leave open.

        Raises:
            ValueError: A value that is not allowed; the text says which and what is.
        """
        for name, allowed in (
            ('layout', LAYOUTS),
            ('resize', RESIZES),
            ('colour', COLOURS),
            ('filter', tuple(FILTERS)),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f'{name} is "{getattr(self, name)}"; it must be one of {", ".join(allowed)}'
                )
        if min(self.size) < MULTIPLE:
            raise ValueError(f'size is {list(self.size)}; each side must be {MULTIPLE} px or more')
        last = self.classes - 1 if self.layout == 'nanodet' else self.person
        if not 0 <= self.person <= last:
            raise ValueError(
                f'person is {self.person}; it must be the number of a class, from 0 on, and in the'
                ' layout nanodet less than classes'
            )
        if not (min(self.std) > 0 and self.maximum > 0 and self.strides and min(self.strides) > 0):
            raise ValueError('std, maximum and strides must be above 0')
        for name in ('threshold', 'nms_iou'):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f'{name} is {getattr(self, name)}; it must be between 0 and 1')
        if not 0 <= self.pad <= 255:
            raise ValueError(f'pad is {self.pad}; it must be from 0 to 255')
        if len(set(self.joints)) < len(self.joints):
            raise ValueError('joints holds a name twice')
        if (self.layout in IN_BOXES) != bool(self.boxes):
            raise ValueError(
                'boxes names the network that finds people for the layouts'
                f' {", ".join(IN_BOXES)} alone'
            )
        if not (0 < self.blur < MULTIPLE and self.blur % 2):
            raise ValueError(f'blur is {self.blur}; it must be odd, from 1 to {MULTIPLE - 1}')

    def write(self, path: Path) -> None:
        """Write it as YAML, without what is by default so."""
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }
        plain = {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}
        with write_whole(path) as file:
            file.write_text(yaml.safe_dump(plain, sort_keys=False, default_flow_style=None))


def read_description(path: Path) -> PeopleFile:
    """Return the description in a YAML file, with the paths in it made absolute.

    Raises:
        ModelError: The file cannot be read or describes no people network; the text says why.
    """
    try:
        described = _parse(read_yaml(path))
    except (OSError, ValueError) as error:
        raise ModelError(f'"{path}" describes no people network: {error}') from error
    return dataclasses.replace(
        described,
        people=_absolute(path, described.people),
        boxes=_absolute(path, described.boxes) if _is_file(described.boxes) else described.boxes,
    )


def _is_file(boxes: str) -> bool:
    """Return whether it is a path, not the name of a network."""
    return boxes.endswith(('.yaml', '.yml', '.onnx'))


def _absolute(beside: Path, path: str) -> str:
    return str(beside.parent / Path(path).expanduser())


def _parse(values: Any) -> PeopleFile:
    """Return the description that YAML's values make.

    Raises:
        ValueError: They do not; the text says which.
    """
    if not isinstance(values, dict):
        raise ValueError('it holds no keys')
    fields = {field.name: field for field in dataclasses.fields(PeopleFile)}
    unknown = sorted(str(key) for key in set(values) - set(fields))
    if unknown:
        raise ValueError(f'there is no key {", ".join(unknown)}; there are {", ".join(fields)}')
    missing = [
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and name not in values
    ]
    if missing:
        raise ValueError(f'it lacks {", ".join(missing)}')
    return PeopleFile(
        **{name: _PARSERS[str(fields[name].type)](name, values[name]) for name in values}
    )


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f'{name} is {value!r:.60}; it must be a text')
    return value


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f'{name} is {value!r:.60}; it must be a whole number')
    return value


def _number(name: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) <= LARGEST:
        raise ValueError(f'{name} is {value!r:.60}; it must be a number, to {LARGEST:g}')
    return float(value)


def _list(parse: Any, count: int = 0) -> Any:
    """Return a parser of lists, of `count` items unless it is 0."""

    def parsed(name: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or (count and len(value) != count):
            raise ValueError(
                f'{name} is {value!r:.60}; it must be a list' + f' of {count}' * bool(count)
            )
        return tuple(parse(name, item) for item in value)

    return parsed


_PARSERS = {
    'str': _text,
    'int': _whole,
    'float': _number,
    'tuple[int, int]': _list(_whole, 2),
    'tuple[float, float, float]': _list(_number, 3),
    'tuple[int, ...]': _list(_whole),
    'tuple[str, ...]': _list(_text),
}
