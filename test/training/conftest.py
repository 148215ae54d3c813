"""Keep what one training sets for its whole process from the tests after it."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Restore PyTorch's number of threads: on another one a resumed training has other bits."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
