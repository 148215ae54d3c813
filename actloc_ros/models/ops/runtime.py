"""Put a network on its device in the precision and layout that run fastest there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
import torch.fx
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from actloc_ros.models.errors import WeightsError

PRECISIONS = {
    'float32': torch.float32,
    'float16': torch.float16,
    'bfloat16': torch.bfloat16,
}


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; `auto` is the GPU where there is one.

    Raises:
        WeightsError: There is no such device here.
    """
    if name == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise WeightsError(f'device "{name}" is none of auto, cpu, cuda, cuda:N') from error
    if device.type == 'cuda' and (device.index or 0) >= torch.cuda.device_count():
        raise WeightsError(
            f'device "{name}" is not here: PyTorch {torch.__version__} finds'
            f' {torch.cuda.device_count()} CUDA devices; use auto or cpu'
        )
    if device.type not in ('cpu', 'cuda'):
        raise WeightsError(f'device "{name}" is none of auto, cpu, cuda, cuda:N')
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the number type called `name`; `auto` is half precision on a GPU, single on a CPU.

    A CPU may be faster in bfloat16 (see `benchmark.speed.models`), but its three digits change what
    is detected, so it is for the user to choose.

    Raises:
        WeightsError: There is no such precision.
    """
    if name == 'auto':
        return torch.float16 if device.type == 'cuda' else torch.float32
    if name not in PRECISIONS:
        raise WeightsError(f'precision "{name}" is none of auto, {", ".join(PRECISIONS)}')
    return PRECISIONS[name]


@contextmanager
def fixed_random() -> Iterator[None]:
    """Draw the same random numbers each time inside, and leave those outside as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def free_memory(device: torch.device) -> None:
    """Give back what PyTorch keeps on a GPU for later."""
    if device.type == 'cuda':
        torch.cuda.empty_cache()


class SingleThread:
    """Lets PyTorch compute on the calling thread alone; several threads may be inside at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._outside = 1  # threads that PyTorch has outside

    def __enter__(self) -> None:
        """Begin."""
        with self._lock:
            if not self._inside:
                self._outside = torch.get_num_threads()
            self._inside += 1
            torch.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        """End, with as many threads as before the first was inside."""
        with self._lock:
            self._inside -= 1
            torch.set_num_threads(self._outside)


one_thread = SingleThread()
"""For all of this process, as the number of PyTorch's threads is."""


def prepare(network: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Return the network for inference: batch norms folded, channels last, on the device.

    The network given must not be used any more.
    """
    return channels_last(fold_batch_norms(network.eval()).to(device=device, dtype=dtype))


def prepare_untraced(network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    """Do the same in place to a network that cannot be traced."""
    fold_in_sequences(network)
    channels_last(network.to(device=device, dtype=dtype))


def channels_last(network: nn.Module) -> nn.Module:
    """Lay out all convolutions' weights with channels last; activations follow them."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)
        elif isinstance(module, nn.Conv3d):
            module.to(memory_format=torch.channels_last_3d)
    return network


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """Return the network with each batch norm folded into the convolution that feeds it alone."""
    traced = torch.fx.symbolic_trace(network)
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        source = node.args[0] if node.op == 'call_module' and node.args else None
        if not isinstance(source, torch.fx.Node) or source.op != 'call_module':
            continue
        conv, norm = modules[source.target], modules[node.target]
        if not _can_fold(conv, norm) or len(source.users) > 1:
            continue
        traced.set_submodule(str(source.target), fuse_conv_bn_eval(conv, norm))
        node.replace_all_uses_with(source)
        traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced


def fold_in_sequences(network: nn.Module) -> None:
    """Fold each batch norm into the convolution before it, within all sequences of layers.

    For networks that cannot be traced.
    """
    for sequence in network.modules():
        if not isinstance(sequence, nn.Sequential):
            continue
        for i, (conv, norm) in enumerate(pairwise(list(sequence))):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[i] = fuse_conv_bn_eval(conv, norm)
                sequence[i + 1] = nn.Identity()


def _can_fold(conv: nn.Module, norm: nn.Module) -> bool:
    """Return whether a batch norm of the right kind follows a convolution."""
    flat = isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    return flat or (isinstance(conv, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d))
