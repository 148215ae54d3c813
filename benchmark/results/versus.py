"""Train `stream_n` and YOWOv2-N on the same data for the same time, and measure both."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from actloc_ros.models.loading import open_network
from actloc_ros.training.config import Augmentation, Data, Schedule, TrainingConfig
from benchmark.results.common import ResultsError, machine, open_model, table
from benchmark.results.synth import described, render_scenes, score
from benchmark.results.training import ignore, new_trainer, run_until
from benchmark.speed.models import step_gmac

# Clips a step: YOWOv2 is trained on a clip's last frame alone, `stream_n` on all 16.
MODELS = {'stream_n': 4, 'yowov2_nano': 8}
TRIAL, COLD = 8, 2  # steps by which the time of a step is measured; first ones left out
SLICES = 40  # of a training; the clock is read after each


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('versus: stream_n against YOWOv2-N')
    group.add_argument(
        '--minutes', type=float, default=20.0, help='of training each; default: %(default)s'
    )
    group.add_argument(
        '--train-on',
        type=Path,
        metavar='FILE',
        help='annotations of the videos to train on; else scenes are rendered',
    )
    group.add_argument(
        '--train-scenes', type=int, default=60, help='to render; default: %(default)s'
    )
    group.add_argument(
        '--train-seconds', type=float, default=10.0, help='of each; default: %(default)s'
    )
    group.add_argument(
        '--train-size', type=int, nargs=2, default=(128, 160), metavar=('HEIGHT', 'WIDTH')
    )


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of the part."""
    truth = render_scenes(args)
    data = args.train_on or render_training(args)
    if not data.is_file():
        raise ResultsError(f'--train-on {data}: there is no such file; give an annotations.json')
    trained = train_all(args, data.resolve())
    rows = []
    for name, training in trained.items():
        model = open_model(args, name, training.pop('weights'))
        try:
            measured = score(model, truth)
        finally:
            model.close()
        rows.append({'name': name} | training | measured)
    return described(args) | {
        'minutes': args.minutes,
        'train_on': trained_on(args),
        'train_size': list(args.train_size),
        'rows': rows,
        'machine': machine(),
    }


def trained_on(args: argparse.Namespace) -> str:
    """Say what is trained on."""
    if args.train_on:
        return 'given videos'
    return f'{args.train_scenes} scenes of {args.train_seconds:g} s'


def render_training(args: argparse.Namespace) -> Path:
    """Render scenes to train on, with seeds far from those that are measured on."""
    apart = argparse.Namespace(
        work=args.work,
        seed=args.seed + 500_000,
        scenes=args.train_scenes,
        seconds=args.train_seconds,
    )
    return render_scenes(apart)


def train_all(args: argparse.Namespace, data: Path) -> dict[str, dict[str, Any]]:
    """Train all models at once, each in a process of its own with one thread.

    Returns:
        By name of the model: what its training was, with the path of its `weights`.
    """
    folder = Path(tempfile.mkdtemp(prefix='versus_', dir=args.work))
    if (os.cpu_count() or 1) < len(MODELS):
        raise ResultsError('versus trains two models at once and needs two cores; leave it out')
    size = [str(side) for side in args.train_size]
    command = [sys.executable, '-m', 'benchmark.results.versus']
    command += [str(data), str(folder), str(args.minutes), *size]
    environment = os.environ | {'OMP_NUM_THREADS': '1'}
    running = {name: subprocess.Popen([*command, name], env=environment) for name in MODELS}
    # Scenes are read and weights written besides the training itself, whose time is bounded.
    end = time.monotonic() + 60 * args.minutes * 1.5 + 600
    try:
        for name, process in running.items():
            if process.wait(timeout=max(end - time.monotonic(), 1)):
                raise ResultsError(f'training {name} failed; its message stands above')
    except subprocess.TimeoutExpired as error:
        raise ResultsError(f'a training of {args.minutes:g} min did not end in time') from error
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    return {name: json.loads((folder / name / 'training.json').read_text()) for name in MODELS}


def train(data: Path, folder: Path, minutes: float, size: tuple[int, int], model: str) -> None:
    """Train one model for so many minutes; write `training.json` and its weights."""
    torch.set_num_threads(1)
    config = settings(model, data, size, TRIAL)
    seconds = step_seconds(config, folder / f'{model}_trial')
    steps = max(1, int(60 * minutes / seconds))
    trainer = new_trainer(settings(model, data, size, steps), folder / model)
    began = time.monotonic()  # the time that it takes to open the data is not training
    run_until(trainer, began + 60 * minutes, max(1, steps // SLICES))
    weights = folder / model / f'{model}.safetensors'
    trainer.export(weights)
    done = {
        'steps': trainer.step,
        'planned_steps': steps,
        'batch': config.schedule.batch,
        'trained_seconds': time.monotonic() - began,
        'parameters': sum(p.numel() for p in trainer.detector.network.parameters()),
        'gmac_per_step': step_gmac(open_network(model, str(weights))),
        'weights': str(weights),
    }
    (folder / model / 'training.json').write_text(json.dumps(done))


def step_seconds(config: TrainingConfig, folder: Path) -> float:
    """Return how long a step takes in s."""
    trainer = new_trainer(config, folder)
    trainer.run(ignore, until=COLD)
    began = time.monotonic()
    trainer.run(ignore)
    return (time.monotonic() - began) / (TRIAL - COLD)


def settings(model: str, data: Path, size: tuple[int, int], steps: int) -> TrainingConfig:
    """Return how a model is trained: all alike but the clips a step."""
    return TrainingConfig(
        model=model,
        name=model,
        data=Data(
            train=(str(data),), height=size[0], width=size[1], frames=16, rate=12.5, workers=0
        ),
        schedule=Schedule(
            steps=steps,
            batch=MODELS[model],
            learning_rate=2e-3,
            warmup=max(1, steps // 20),
            checkpoint_every=max(1, steps),
        ),
        augmentation=Augmentation(drop=0.05, freeze=0.03),
    )


def section(numbers: dict[str, Any]) -> str:
    """Return the part's text."""
    height, width = numbers['train_size']
    first, last = numbers['first_seed'], numbers['first_seed'] + numbers['scenes'] - 1
    return f"""## `stream_n` against YOWOv2-N

Both trained here from random weights on the same videos ({numbers['train_on']}) for the same \
{numbers['minutes']:g} minutes, at once, one CPU thread each, by the same losses, assignment, \
augmentation and schedule, each by its own optimizer, at {height}×{width} and 16 frames at 12.5 \
Hz. Clips a step differ, since YOWOv2 learns from the last frame of a clip alone and `stream_n` \
from all 16. Both measured on the {numbers['scenes']} unseen scenes with seeds {first} to {last}, \
as above; a step is timed there, with one new frame and all that the model does for it. How many \
steps fit into the time was measured before, so that the learning rate falls to its end.

{table(HEAD, [row_of(row) for row in numbers['rows']])}

So short a training says how fast each learns on a small machine, not how good each gets in days \
on GPUs, where YOWOv2 begins from pretrained weights. The shipped `stream_n` was trained longer. \
{numbers['machine']}.
"""


HEAD = (
    'model',
    'frame-mAP@0.5',
    'AP@0.5 of actors',
    'video-mAP@0.5, offline',
    'GMAC a step',
    'ms a step',
    'parameters',
    'training steps × clips',
    'in min',
)


def row_of(row: dict[str, Any]) -> tuple[object, ...]:
    """Return a row of the table."""
    return (
        f'`{row["name"]}`',
        row['frame_map'],
        row['actor_ap'],
        row['video_map'],
        f'{row["gmac_per_step"]:.2f}',
        f'{row["ms_per_step"]:.1f}',
        f'{row["parameters"]:,}',
        f'{row["steps"]:,} of {row["planned_steps"]:,} × {row["batch"]}',
        f'{row["trained_seconds"] / 60:.1f}',
    )


def main(arguments: list[str]) -> None:
    data, folder, minutes, height, width, model = arguments
    train(Path(data), Path(folder), float(minutes), (int(height), int(width)), model)


if __name__ == '__main__':
    main(sys.argv[1:])
