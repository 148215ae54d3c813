"""Tune the shipped weights to falls, one subject left out in turn, with boxes of their own."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.evaluation.linking import LinkOptions
from actloc_ros.evaluation.video_map import link_all
from actloc_ros.frames import nanoseconds, seconds
from actloc_ros.models import registry
from actloc_ros.models.checkpoints import read_checkpoint
from actloc_ros.models.entry import Entry
from actloc_ros.models.loading import find_weights
from actloc_ros.training.config import Augmentation, Data, Schedule, TrainingConfig
from actloc_ros.training.session import train
from actloc_ros.truth.annotations import ActorTrack, Annotations, Instance, Video
from actloc_ros.truth.plain_json import write_annotations
from benchmark.results.common import Recording, Seen, actor_boxes, open_recording, watch
from benchmark.results.falls_alarms import (
    SCORES,
    Alarms,
    FallClip,
    Rule,
    alarm_numbers,
    fall_alarms,
)

LABELS = ('falling', 'other')
BATCH = 4
LONGEST_GAP = 1_000_000  # frames: one person a clip is one tube, however long nobody is seen


def tuned_alarms(
    args: argparse.Namespace,
    clips: Sequence[FallClip],
    recording: Recording,
    seen: Sequence[Sequence[Seen]],
) -> dict[str, Any]:
    """Return the numbers of tuning.

    Args:
        args: Gives the weights, the steps and the folder to work in.
        clips: The recordings.
        recording: The shipped model.
        seen: What it said of each.
    """
    tubes = [actor_tube(record) for record in seen]
    alarms = {score: Alarms([], []) for score in SCORES}
    folds = []
    for subject in sorted({clip.subject for clip in clips}):
        others = [i for i, clip in enumerate(clips) if clip.subject != subject]
        began = time.monotonic()
        folder = Path(tempfile.mkdtemp(prefix=f'falls_without_{subject}_', dir=args.work))
        weights = tune(args, clips, seen, tubes, others, folder)
        spent = time.monotonic() - began
        mine = [clip for clip in clips if clip.subject == subject]
        tell(args, weights, mine, alarms)
        learnt = sorted({clips[i].subject for i in others})
        folds.append(
            {
                'test': subject,
                'train': ' and '.join(map(str, learnt)),
                'clips': len(others),
                'seconds': spent,
            }
        )
    boxed = sum(len(tube.frames) for tube in tubes if tube is not None)
    return {
        'steps': args.fall_steps,
        'batch': BATCH,
        'folds': folds,
        'boxed_share': boxed / sum(map(len, seen)),
        'sweep': [{'score': s} | alarm_numbers(each, clips) for s, each in alarms.items()],
    }


def tell(
    args: argparse.Namespace,
    weights: Path,
    clips: Sequence[FallClip],
    alarms: dict[float, Alarms],
) -> None:
    """Run tuned weights over clips and add what they tell, by start score."""
    recording = open_recording(args, args.model, str(weights))
    try:
        for clip in clips:
            record = watch(recording, clip.path, args.frames)
            for score, each in alarms.items():
                each.add(clip, fall_alarms(recording, record, score, Rule()))
    finally:
        recording.close()


def actor_tube(record: Sequence[Seen]) -> ActorTrack | None:
    """Return the boxes of the surest actor of a clip, gaps filled linearly; None if none is."""
    boxes = actor_boxes([record])
    if not len(boxes):
        return None
    options = LinkOptions(trimmed=False, max_gap=LONGEST_GAP, min_iou=0.0, tubes_a_video=1)
    linked = link_all(boxes, options, [0])
    if not linked:
        return None
    limits = np.array([record[0].width, record[0].height] * 2)
    return ActorTrack(1, linked[0].frames, np.clip(linked[0].boxes, 0, limits))


def tune(
    args: argparse.Namespace,
    clips: Sequence[FallClip],
    seen: Sequence[Sequence[Seen]],
    tubes: Sequence[ActorTrack | None],
    chosen: Sequence[int],
    folder: Path,
) -> Path:
    """Train on the chosen clips from the shipped weights; return the tuned weights' file."""
    videos = [annotated(clips[i], seen[i], tubes[i], folder) for i in chosen]
    file = folder / 'annotations.json'
    write_annotations(file, Annotations(LABELS, tuple(videos)))
    start = find_weights(registry.find_entry(args.model), args.weights)
    assert start is not None, 'the shipped model was opened, so its weights are here'
    config = settings(args.model, start, file, args.fall_steps)
    out = train(config, folder, folder)
    assert out is not None, 'this is the only process'
    return out


def settings(model: str, start: Path, file: Path, steps: int) -> TrainingConfig:
    """Return how weights are tuned: gently, at the size and rate that they were trained at."""
    entry = read_checkpoint(start).entry or registry.find_entry(model)
    return TrainingConfig(
        model=model,
        name=f'{model}_falls',
        weights=str(start.resolve()),
        data=tuning_data(entry, file),
        schedule=Schedule(
            steps=steps,
            batch=BATCH,
            learning_rate=5e-4,
            warmup=max(1, steps // 10),
            checkpoint_every=steps,
        ),
        augmentation=Augmentation(crop=0.7, flip=0.5, colour=0.3, rate=1.2),
    )


def tuning_data(entry: Entry, file: Path) -> Data:
    """Return the data's settings as the weights ask for them."""
    how = entry.preprocessing
    return Data(
        train=(str(file.resolve()),),
        height=how.height,
        width=how.width,
        frames=entry.frames,
        rate=entry.rate,
        workers=0,
    )


def annotated(
    clip: FallClip, record: Sequence[Seen], tube: ActorTrack | None, folder: Path
) -> Video:
    """Return a clip's annotations; its path leads from the folder to where it lies."""
    rate = (len(record) - 1) / seconds(record[-1].stamp - record[0].stamp)
    end = nanoseconds(len(record) / rate)
    onset = end if clip.onset is None else min(nanoseconds(clip.onset), end)
    stop = end if clip.onset is None else min(nanoseconds(clip.end), end)
    spans = (('other', 0, onset), ('falling', onset, stop), ('other', stop, end))
    return Video(
        path=os.path.relpath(clip.path, folder),
        fps=rate,
        width=record[0].width,
        height=record[0].height,
        frames=len(record),
        tubes=() if tube is None else (tube,),
        instances=tuple(Instance(1, label, a, b) for label, a, b in spans if a < b),
    )
