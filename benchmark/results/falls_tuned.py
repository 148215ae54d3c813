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
from benchmark.results.common import (
    TimedDetections,
    TimedLocalizer,
    actor_boxes,
    open_model,
    run_video,
)
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
LONGEST_GAP = 1_000_000  # frames: one person a clip is one tube, however long nobody is detected


def tuned_alarms(
    args: argparse.Namespace,
    clips: Sequence[FallClip],
    model: TimedLocalizer,
    detected: Sequence[Sequence[TimedDetections]],
) -> dict[str, Any]:
    """Return the numbers of tuning.

    Args:
        args: Gives the weights, the steps and the folder to work in.
        clips: The clips.
        model: The shipped model.
        detected: Its detections in each.
    """
    tubes = [actor_tube(frames) for frames in detected]
    alarms = {score: Alarms([], []) for score in SCORES}
    folds = []
    for subject in sorted({clip.subject for clip in clips}):
        others = [i for i, clip in enumerate(clips) if clip.subject != subject]
        began = time.monotonic()
        folder = Path(tempfile.mkdtemp(prefix=f'falls_without_{subject}_', dir=args.work))
        weights = tune(args, clips, detected, tubes, others, folder)
        spent = time.monotonic() - began
        mine = [clip for clip in clips if clip.subject == subject]
        evaluate_weights(args, weights, mine, alarms)
        training = sorted({clips[i].subject for i in others})
        folds.append(
            {
                'test': subject,
                'train': ' and '.join(map(str, training)),
                'clips': len(others),
                'seconds': spent,
            }
        )
    boxed = sum(len(tube.frames) for tube in tubes if tube is not None)
    return {
        'steps': args.fall_steps,
        'batch': BATCH,
        'folds': folds,
        'boxed_share': boxed / sum(map(len, detected)),
        'sweep': [{'score': s} | alarm_numbers(each, clips) for s, each in alarms.items()],
    }


def evaluate_weights(
    args: argparse.Namespace,
    weights: Path,
    clips: Sequence[FallClip],
    alarms: dict[float, Alarms],
) -> None:
    """Run tuned weights over clips and add their alarms, by start score."""
    model = open_model(args, args.model, str(weights))
    try:
        for clip in clips:
            frames = run_video(model, clip.path, args.frames)
            for score, each in alarms.items():
                each.add(clip, fall_alarms(model, frames, score, Rule()))
    finally:
        model.close()


def actor_tube(frames: Sequence[TimedDetections]) -> ActorTrack | None:
    """Return the boxes of a clip's best actor, gaps filled linearly; None if there is none."""
    boxes = actor_boxes([frames])
    if not len(boxes):
        return None
    options = LinkOptions(trimmed=False, max_gap=LONGEST_GAP, min_iou=0.0, tubes_a_video=1)
    linked = link_all(boxes, options, [0])
    if not linked:
        return None
    limits = np.array([frames[0].width, frames[0].height] * 2)
    return ActorTrack(1, linked[0].frames, np.clip(linked[0].boxes, 0, limits))


def tune(
    args: argparse.Namespace,
    clips: Sequence[FallClip],
    detected: Sequence[Sequence[TimedDetections]],
    tubes: Sequence[ActorTrack | None],
    chosen: Sequence[int],
    folder: Path,
) -> Path:
    """Train on the chosen clips from the shipped weights; return the tuned weights' file."""
    videos = [annotated(clips[i], detected[i], tubes[i], folder) for i in chosen]
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
    clip: FallClip, frames: Sequence[TimedDetections], track: ActorTrack | None, folder: Path
) -> Video:
    """Return a clip's annotations; its path leads from the folder to where it lies."""
    rate = (len(frames) - 1) / seconds(frames[-1].stamp - frames[0].stamp)
    end = nanoseconds(len(frames) / rate)
    onset = end if clip.onset is None else min(nanoseconds(clip.onset), end)
    stop = end if clip.onset is None else min(nanoseconds(clip.end), end)
    spans = (('other', 0, onset), ('falling', onset, stop), ('other', stop, end))
    return Video(
        path=os.path.relpath(clip.path, folder),
        fps=rate,
        width=frames[0].width,
        height=frames[0].height,
        frames=len(frames),
        tracks=() if track is None else (track,),
        instances=tuple(Instance(1, label, a, b) for label, a, b in spans if a < b),
    )
