"""Write `CVAT for video 1.1`: sparse tracks whose action is a mutable attribute.

The format: cvat/apps/dataset_manager/formats/cvat.py of CVAT. Its importer keeps boxes with
`keyframe="1"` alone and refuses frames beyond the video. What an attribute says holds until a later
box says otherwise, so an action is named where it changes and nowhere else. Whether an attribute
may change within a track is said by the task's labels, which lie beside the XML as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from actloc_ros.datasets.formats.cvat import single_actions
from actloc_ros.files import write_whole
from actloc_ros.recordings.annotate.annotation import (
    AnnotatedActor,
    AnnotateError,
    RecordingAnnotation,
)
from actloc_ros.recordings.annotate.formats.text import distinct, one_line
from actloc_ros.recordings.annotate.formats.written import WriteOptions, Written
from actloc_ros.recordings.annotate.key_frames import KeyFrame, key_frames
from actloc_ros.recordings.annotate.review import review_stretches

PERSON, ACTION, REVIEW = 'person', 'action', 'review'
UNDEFINED = '__undefined__'  # what CVAT calls no value
ROUNDING = 0.01  # px: boxes are written with two digits
SEVERAL = (
    'a select of CVAT holds one value, so actors who do several things at once have values of '
    'several actions, as {example!r}; only combinations that occur can be chosen'
)


def write_cvat(annotation: RecordingAnnotation, path: Path, options: WriteOptions) -> Written:
    """Write the XML, and beside it the labels of the task as `NAME.labels.json`.

    Raises:
        AnnotateError: Two labels would have one name.
        OutputError: A file cannot be written.
    """
    names = distinct(annotation.labels, 'CVAT')
    _refuse_combinations(names)
    values = _Values(annotation, names)
    root = Element('annotations')
    SubElement(root, 'version').text = '1.1'
    _add_meta(root, annotation, values)
    for actor in annotation.actors:
        _add_track(root, actor, annotation, values, options)
    ElementTree.indent(root)
    labels = path.with_name(f'{path.stem}.labels.json')
    with write_whole(path) as file:
        ElementTree.ElementTree(root).write(file, 'utf-8', xml_declaration=True)
    with write_whole(labels) as file:
        text = json.dumps(task_labels(values.offered), indent=1, ensure_ascii=False)
        file.write_text(f'{text}\n', 'utf-8')
    example = next(iter(values.combined), None)
    notes = (SEVERAL.format(example=example),) if example else ()
    return Written((path, labels), notes)


def task_labels(values: Sequence[str]) -> list[dict]:
    """Return the labels of a task as CVAT's constructor takes them in its tab `Raw`.

    Args:
        values: What `action` can be, the first one by default.
    """
    action = {
        'name': ACTION,
        'mutable': True,
        'input_type': 'select',
        'default_value': values[0],
        'values': list(values),
    }
    review = {
        'name': REVIEW,
        'mutable': True,
        'input_type': 'checkbox',
        'default_value': 'false',
        'values': ['false'],
    }
    return [{'name': PERSON, 'type': 'rectangle', 'attributes': [action, review]}]


def _refuse_combinations(names: Mapping[str, str]) -> None:
    """Refuse labels of which one reads as several others at once."""
    for label, name in names.items():
        if name not in single_actions(list(names.values())) or name == UNDEFINED:
            raise AnnotateError(
                f'the label {label!r} would be read from CVAT as something else; rename it'
            )


class _Values:
    """What the attribute `action` can be."""

    def __init__(self, annotation: RecordingAnnotation, names: Mapping[str, str]) -> None:
        self._names = names
        self._order = {label: number for number, label in enumerate(annotation.labels)}
        done = {
            stretch.actions for actor in annotation.actors for stretch in review_stretches(actor)
        }
        combined = {self.of(actions) for actions in done if len(actions) > 1}
        self.combined = sorted(combined)
        self.offered = [UNDEFINED, *names.values(), *self.combined]

    def of(self, actions: Sequence[str]) -> str:
        """Return the value of one or more actions, or of none."""
        ordered = sorted(actions, key=self._order.__getitem__)
        return ', '.join(self._names[label] for label in ordered) or UNDEFINED


def _add_meta(root: Element, annotation: RecordingAnnotation, values: _Values) -> None:
    task = SubElement(SubElement(root, 'meta'), 'task')
    source = one_line(annotation.media.name)
    texts = {
        'id': '0',
        'name': source,
        'size': str(annotation.frames),
        'mode': 'interpolation',
        'overlap': '0',
        'start_frame': '0',
        'stop_frame': str(annotation.frames - 1),
        'frame_filter': '',
    }
    for name, text in texts.items():
        SubElement(task, name).text = text
    _add_labels(SubElement(task, 'labels'), task_labels(values.offered))
    size = SubElement(task, 'original_size')
    SubElement(size, 'width').text = str(annotation.width)
    SubElement(size, 'height').text = str(annotation.height)
    SubElement(task, 'source').text = source


def _add_labels(parent: Element, labels: Sequence[Mapping]) -> None:
    for label in labels:
        element = SubElement(parent, 'label')
        SubElement(element, 'name').text = label['name']
        SubElement(element, 'type').text = label['type']
        attributes = SubElement(element, 'attributes')
        for attribute in label['attributes']:
            child = SubElement(attributes, 'attribute')
            SubElement(child, 'name').text = attribute['name']
            SubElement(child, 'mutable').text = str(attribute['mutable'])
            SubElement(child, 'input_type').text = attribute['input_type']
            SubElement(child, 'default_value').text = attribute['default_value']
            SubElement(child, 'values').text = '\n'.join(attribute['values'])


def _add_track(
    root: Element,
    actor: AnnotatedActor,
    annotation: RecordingAnnotation,
    values: _Values,
    options: WriteOptions,
) -> None:
    track = SubElement(root, 'track', id=str(actor.track), label=PERSON, source='auto')
    doubts = {each.first: each.confidence < options.below for each in review_stretches(actor)}
    within = max(0.0, options.within - ROUNDING)
    marked = None
    for key in key_frames(actor, annotation.frames, within):
        box = _add_box(track, key)
        if key.actions is not None:
            SubElement(box, 'attribute', name=ACTION).text = values.of(key.actions)
        if not key.outside and doubts.get(key.frame, marked) != marked:
            marked = doubts[key.frame]
            SubElement(box, 'attribute', name=REVIEW).text = str(marked).lower()


def _add_box(track: Element, key: KeyFrame) -> Element:
    corners = zip(('xtl', 'ytl', 'xbr', 'ybr'), key.box, strict=True)
    attributes = {
        'frame': str(key.frame),
        'keyframe': '1',
        'outside': str(int(key.outside)),
        'occluded': '0',
        **{name: f'{value:.2f}' for name, value in corners},
        'z_order': '0',
    }
    return SubElement(track, 'box', attributes)
