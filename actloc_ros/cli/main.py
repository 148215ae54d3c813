"""Run `actloc`: the offline tools, each a subcommand in a module of its own."""

from __future__ import annotations

import argparse
import importlib
import os
import select
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from actloc_ros.cli.support.stopping import Terminated, heed_signals

# Only the chosen one is imported, since some load PyTorch.
COMMANDS = {
    'run': 'localize actions in a recording, without ROS',
    'monitor': 'apply rules to a recording, and print alarms',
    'index': 'index recordings: who did what, where and when',
    'search': 'find who did what, where and when, in an index',
    'summarize': 'sum up an index: text, timeline, heat map, highlights',
    'report': 'make a page of an index: timeline, clips, figures',
    'draw': 'draw detections into a video of their recording',
    'compare': 'say where two bags of detections differ',
    'synth': 'make a recording with exact ground truth',
    'models': 'list the models there are',
    'download': "fetch a model's published weights",
    'convert': 'turn a checkpoint into safetensors',
    'export': 'write a model in a form for other runtimes',
    'annotate': 'annotate a recording by a model, for people to correct',
    'dataset': 'check, show or split recordings with labels',
    'train': 'train a model',
    'teach': 'teach an action by 1 to 10 examples, in seconds',
    'ensemble-fit': 'learn how far to trust each member of an ensemble',
    'eval': 'measure detections against ground truth',
}
# Packages that the default does without, and what installs them.
NETWORKS = ('torch', 'torchvision', 'lightning_fabric', 'tensorboard', 'onnx', 'onnxscript')
RECORDINGS = (*('duckdb', 'jinja2', 'lark', 'pyarrow', 'pympi', 'simplemma', 'usearch', 'webvtt'),)
OPTIONAL = {
    **dict.fromkeys((*NETWORKS, 'sklearn'), '-r requirements-networks.txt'),
    **dict.fromkeys(RECORDINGS, '-r requirements-recordings.txt'),
    'ray': 'ray',
}
ERROR, INTERRUPTED, PIPE_CLOSED, TERMINATED = 2, 130, 141, 143  # as shells have it: 128 + signal
OUTPUTS = 1, 2  # file descriptors


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the program's) and return its exit code."""
    _escape_what_cannot_be_written()
    try:
        return _run(sys.argv[1:] if argv is None else list(argv))
    except (ValueError, OSError) as error:
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            _silence()
            return PIPE_CLOSED
        print(f'actloc: error: {error}', file=sys.stderr)
        return ERROR
    except ModuleNotFoundError as error:
        missing = (error.name or '').partition('.')[0]
        if missing not in OPTIONAL:
            raise
        print(
            f'actloc: error: this needs {missing}, which is not installed here: '
            f'pip install {OPTIONAL[missing]}',
            file=sys.stderr,
        )
        return ERROR
    except Terminated:
        return TERMINATED
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(argv: list[str]) -> int:
    try:
        heed_signals()
        arguments = _parser(argv).parse_args(argv)
        return arguments.run(arguments)
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()  # a closed pipe is noticed here, not at the interpreter's end


def _escape_what_cannot_be_written() -> None:
    """Let terminals and logs that are not UTF-8 show text with escapes in place of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors='backslashreplace')


def _reader_is_gone() -> bool:
    """Say whether whatever read the output, as `head`, has closed its end."""
    poll = select.poll()
    for descriptor in OUTPUTS:
        poll.register(descriptor, select.POLLOUT)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _silence() -> None:
    """Let what is still buffered go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in OUTPUTS:
        os.dup2(nowhere, descriptor)


def _parser(argv: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='actloc', description='Spatio-temporal action localization: the offline tools.'
    )
    subparsers = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
    chosen = next((word for word in argv if not word.startswith('-')), None)
    for name, summary in COMMANDS.items():
        if name == chosen:
            module = f'actloc_ros.cli.{name.replace("-", "_")}'
            importlib.import_module(module).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=summary)
    return parser
