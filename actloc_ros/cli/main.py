"""Run `actloc`: the offline tools, each a subcommand in a module of its own."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

# Only the chosen one is imported, since some load PyTorch.
COMMANDS = {
    'run': 'localize actions in a recording, without ROS',
    'draw': 'draw detections into a video of their recording',
    'compare': 'say where two bags of detections differ',
    'synth': 'make a recording with exact ground truth',
    'models': 'list the models there are',
    'download': "fetch a model's published weights",
    'convert': 'turn a checkpoint into safetensors',
    'export': 'write a model in a form for other runtimes',
    'dataset': 'check, show or split recordings with labels',
    'train': 'train a model',
    'eval': 'measure detections against ground truth',
}
ERROR, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the program's) and return its exit code."""
    argv = sys.argv[1:] if argv is None else list(argv)
    arguments = _parser(argv).parse_args(argv)
    try:
        return arguments.run(arguments)
    except (ValueError, OSError) as error:
        print(f'actloc: error: {error}', file=sys.stderr)
        return ERROR
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser(argv: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='actloc', description='Spatio-temporal action localization: the offline tools.'
    )
    subparsers = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
    chosen = next((word for word in argv if not word.startswith('-')), None)
    for name, summary in COMMANDS.items():
        if name == chosen:
            importlib.import_module(f'actloc_ros.cli.{name}').add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=summary)
    return parser
