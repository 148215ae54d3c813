"""Write COCO's JSON for videos: images of a video, and annotations with the numbers of tracks.

Dialects differ. This is the common part of them: `videos`, `images` with `video_id` and `frame_id`,
and `annotations` of one image each with `track_id` and `instance_id`; `tracks` as TAO has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from actloc_ros.files import write_whole
from actloc_ros.recordings.annotate.annotation import AnnotatedActor, RecordingAnnotation
from actloc_ros.recordings.annotate.formats.cvat import PERSON
from actloc_ros.recordings.annotate.formats.text import distinct, one_line
from actloc_ros.recordings.annotate.formats.written import WriteOptions, Written

VIDEO = 1
SEVERAL = (
    'an annotation of COCO has one category: an actor who does several things at once has an '
    'annotation for each, with the same track_id, and one who does nothing known is a person'
)


def write_coco_video(annotation: RecordingAnnotation, path: Path, options: WriteOptions) -> Written:
    """Write the JSON; categories are `person` and the actions.

    Raises:
        AnnotateError: Two labels would have one name.
        OutputError: It cannot be written.
    """
    names = distinct((PERSON, *(each for each in annotation.labels if each != PERSON)), 'COCO')
    categories = {label: number for number, label in enumerate(names, 1)}
    rows = [row for actor in annotation.actors for row in _rows(actor, categories)]
    content = {
        'info': {'description': one_line(annotation.media.name)},
        'videos': [_video(annotation)],
        'images': [_image(annotation, frame) for frame in range(annotation.frames)],
        'tracks': [
            {'id': actor.track, 'video_id': VIDEO, 'category_id': categories[PERSON]}
            for actor in annotation.actors
        ],
        'annotations': [{'id': number, **row} for number, row in enumerate(rows, 1)],
        'categories': [
            {'id': number, 'name': names[label], 'supercategory': PERSON}
            for label, number in categories.items()
        ],
    }
    with write_whole(path) as file:
        file.write_text(json.dumps(content), 'utf-8')
    return Written((path,), (SEVERAL,))


def _video(annotation: RecordingAnnotation) -> dict[str, Any]:
    return {
        'id': VIDEO,
        'name': one_line(annotation.media.name),
        'width': annotation.width,
        'height': annotation.height,
        'length': annotation.frames,
        'fps': annotation.rate,
    }


def _image(annotation: RecordingAnnotation, frame: int) -> dict[str, Any]:
    made = f'{annotation.media.stem}/{frame:06d}.jpg'
    name = f'{annotation.media.name}/{annotation.images[frame]}' if annotation.images else made
    return {
        'id': frame + 1,
        'video_id': VIDEO,
        'frame_id': frame,
        'file_name': one_line(name),
        'width': annotation.width,
        'height': annotation.height,
    }


def _rows(actor: AnnotatedActor, categories: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Yield an annotation for each frame and each action of an actor."""
    for frame, (x1, y1, x2, y2), score in zip(
        actor.frames.tolist(), actor.boxes.round(2).tolist(), actor.scores.tolist(), strict=True
    ):
        width, height = round(x2 - x1, 2), round(y2 - y1, 2)
        for label in actor.doing(frame) or (PERSON,):
            yield {
                'image_id': frame + 1,
                'video_id': VIDEO,
                'category_id': categories[label],
                'track_id': actor.track,
                'instance_id': actor.track,
                'bbox': [x1, y1, width, height],
                'area': round(width * height, 2),
                'iscrowd': 0,
                'score': round(score, 4),
            }
