"""Say what memory a node has while it opens and frees a large model, in a process of its own."""

from pathlib import Path

import pytest
from node_harness import running_node

from actloc_ros.localizer import Localizer
from actloc_ros.models.open import open_localizer


def resident() -> float:
    """Return this process' memory in MB."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * 4096 / 1e6


def residents_of_a_life() -> list[float]:
    """Return the resident MB before a large model is opened, with it, and when it is freed."""
    kept: list[bytearray] = []

    def blocks() -> list[bytearray]:
        """Return 64 MB, which leave holes in the heap when they are freed."""
        made = [bytearray(4000) for _ in range(16_000)]
        kept.extend(made[::64])
        return made

    def open_large(*arguments) -> Localizer:
        localizer = open_localizer(*arguments)
        blocks()  # what only opening takes
        localizer.weights = blocks()
        return localizer

    with pytest.MonkeyPatch.context() as patch, running_node(autostart=False) as client:
        patch.setattr('actloc_ros.ros.localizer_node.node.open_localizer', open_large)
        found = [resident()]
        for transition in 'configure', 'cleanup':
            assert client.change_state(transition)
            found.append(resident())
    return found
