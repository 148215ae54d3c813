"""Write networks in forms that other runtimes take, each with its entry inside, and check them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from actloc_ros.models.checkpoints import ENTRY_KEY
from actloc_ros.models.entry import Entry
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.loading import OpenedNetwork
from actloc_ros.models.ops.runtime import fold_batch_norms

Run = Callable[[Tensor], Sequence[Tensor]]
ONNX = 'onnx'


@dataclass(frozen=True)
class Format:
    """A form of network files: how to write one, and how to read it back and run it."""

    suffix: str
    write: Callable[[nn.Module, Tensor, tuple[str, ...], Entry, Path], None]
    read: Callable[[Path], Run]


def export(opened: OpenedNetwork, form: str, path: Path, batch: int = 1) -> float:
    """Write a network, read it back and compare it.

    Args:
        opened: The network; it must not be used any more.
        form: A key of `FORMATS`.
        path: The file to write. Input `clip` is float32, (batch, 3, K, H, W) for clips of images,
            preprocessed as the entry says; outputs have the architecture's names, or those of its
            `finish` in an ONNX file for one image.
        batch: Clips that the file takes at once.

    Returns:
        The largest difference of the raw outputs from those of the network itself on a random
        clip, as a share of the largest value of the output.

    Raises:
        WeightsError: What writes or reads this form is not installed.
    """
    entry = opened.entry
    network = opened.network
    if opened.architecture.foldable:
        network = fold_batch_norms(network)
    finish = opened.architecture.finish if form == ONNX and batch == 1 else None
    finished = () if finish is None else finish.outputs
    network = PlainOutputs(network if finish is None else finish.wrap(network, entry))
    outputs = (*finished, *opened.architecture.outputs)
    clip = entry.preprocessing.maximum * torch.rand(batch, *opened.architecture.shape(entry))
    chosen = FORMATS[form]
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter('ignore')  # PyTorch's plans for its formats, line after line
            chosen.write(network, clip, outputs, entry, path)
            difference = largest_difference(network, chosen.read(path), clip, len(finished))
            if finished:
                _keep_outputs(path, len(finished))
            return difference
    except ImportError as error:
        raise WeightsError(
            f'exporting as {form} takes a package that is not here: {error}'
        ) from error


class PlainOutputs(nn.Module):
    """A network whose outputs are a tensor or a plain tuple: some forms know no named ones."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clip: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Map clips (B, 3, K, H, W) to the network's outputs, each (B, …)."""
        outputs = self.network(clip)
        return outputs if isinstance(outputs, Tensor) else tuple(outputs)


def largest_difference(network: nn.Module, other: Run, clip: Tensor, first: int = 0) -> float:
    """Return the largest difference of outputs, as a share of each output's largest value.

    Args:
        network: The network.
        other: What is compared with it.
        clip: Of both.
        first: The output to begin with.
    """
    with torch.inference_mode():
        mine, others = _tuple(network(clip))[first:], _tuple(other(clip))[first:]
        pairs = zip(mine, others, strict=True)
        return max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs)


def _tuple(outputs: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)


def _write_onnx(
    network: nn.Module, clip: Tensor, outputs: tuple[str, ...], entry: Entry, path: Path
) -> None:
    import onnx  # noqa: F401 - to say so at once where it is missing

    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    program = torch.onnx.export(
        network, (clip,), dynamo=True, verbose=False, input_names=['clip'], output_names=outputs
    )
    assert program is not None
    program.model.metadata_props[ENTRY_KEY] = entry.to_json()
    program.save(path, external_data=False)


def _keep_outputs(path: Path, count: int) -> None:
    """Keep only the first outputs of an ONNX file."""
    import onnx

    model = onnx.load(path)
    del model.graph.output[count:]
    onnx.save(model, path)


def _read_onnx(path: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    return lambda clip: [torch.from_numpy(x) for x in session.run(None, {'clip': clip.numpy()})]


def _write_torchscript(
    network: nn.Module, clip: Tensor, outputs: tuple[str, ...], entry: Entry, path: Path
) -> None:
    traced = torch.jit.trace(network, clip, check_trace=False)
    torch.jit.save(traced, path, _extra_files={ENTRY_KEY: entry.to_json()})


def _read_torchscript(path: Path) -> Run:
    return torch.jit.load(path)


def _write_program(
    network: nn.Module, clip: Tensor, outputs: tuple[str, ...], entry: Entry, path: Path
) -> None:
    program = torch.export.export(network, (clip,))
    torch.export.save(program, path, extra_files={ENTRY_KEY: entry.to_json()})


def _read_program(path: Path) -> Run:
    return torch.export.load(path).module()


FORMATS = {
    ONNX: Format('.onnx', _write_onnx, _read_onnx),
    'torchscript': Format('.pt', _write_torchscript, _read_torchscript),
    'torch.export': Format('.pt2', _write_program, _read_program),
}
