"""Describe skeletons: names of joints, which of them are connected, and how graphs are partitioned.

Partitions are those of "Spatial Temporal Graph Convolutional Networks" (arXiv 1801.07455, section
3.3) and of "Two-Stream Adaptive Graph Convolutional Networks" (arXiv 1805.07694).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.joints import COCO_JOINTS, NTU_JOINTS

OPENPOSE_JOINTS = (
    *('nose', 'neck', 'right_shoulder', 'right_elbow', 'right_wrist'),
    *('left_shoulder', 'left_elbow', 'left_wrist', 'right_hip', 'right_knee', 'right_ankle'),
    *('left_hip', 'left_knee', 'left_ankle', 'right_eye', 'left_eye', 'right_ear', 'left_ear'),
)
"""OpenPose's 18 of COCO, in the order of Kinetics-Skeleton."""

Edges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Layout:
    """The joints of a skeleton.

    Attributes:
        name: Short.
        joints: Their names, in order.
        edges: Pairs of neighbours, each from a joint to the one nearer to the centre.
        centre: The joint in the middle of the graph.
        parents: For each joint the one at the other end of its bone; its own where it has none.
        confident: Whether the third value of a joint is a confidence, not a place.
    """

    name: str
    joints: tuple[str, ...]
    edges: Edges
    centre: int
    parents: tuple[int, ...]
    confident: bool


def _edges(text: str, first: int = 0) -> Edges:
    """Return the edges in a text such as `4-3 3-2`, whose joints are counted from `first`."""
    pairs = [edge.split('-') for edge in text.split()]
    return tuple((int(a) - first, int(b) - first) for a, b in pairs)


_NTU_BODY = (
    '1-2 2-21 3-21 4-3 5-21 6-5 7-6 8-7 9-21 10-9 11-10 12-11 13-1 14-13 15-14 16-15 17-1 18-17'
    ' 19-18 20-19 '
)
_NTU_PARENTS = (
    *(1, 20, 20, 2, 20, 4, 5, 6, 20, 8, 9, 10),
    *(0, 12, 13, 14, 0, 16, 17, 18, 20, 22, 7, 24, 11),
)

COCO17 = Layout(
    name='coco17',
    joints=COCO_JOINTS,
    edges=_edges('15-13 13-11 16-14 14-12 11-5 12-6 9-7 7-5 10-8 8-6 5-0 6-0 1-0 3-1 2-0 4-2'),
    centre=0,
    parents=(0, 0, 0, 1, 2, 0, 0, 5, 6, 7, 8, 0, 0, 11, 12, 13, 14),
    confident=True,
)
OPENPOSE18 = Layout(
    name='openpose18',
    joints=OPENPOSE_JOINTS,
    edges=_edges('4-3 3-2 7-6 6-5 13-12 12-11 10-9 9-8 11-5 8-2 5-1 2-1 0-1 15-0 14-0 17-15 16-14'),
    centre=1,
    parents=(0, 0, 1, 2, 3, 1, 5, 6, 2, 8, 9, 5, 11, 12, 0, 0, 14, 15),
    confident=True,
)
NTU25 = Layout(
    name='ntu25',
    joints=NTU_JOINTS,
    edges=_edges(_NTU_BODY + '22-23 23-8 24-25 25-12', first=1),
    centre=20,
    parents=_NTU_PARENTS,
    confident=False,
)
"""As the authors of ST-GCN, 2s-AGCN and CTR-GCN have it: a hand's tip hangs on its thumb."""
NTU25_PYSKL = Layout(
    name='ntu25',
    joints=NTU_JOINTS,
    edges=_edges(_NTU_BODY + '22-8 23-8 24-12 25-12', first=1),
    centre=20,
    parents=_NTU_PARENTS,
    confident=False,
)
"""As PYSKL has it: tip and thumb both hang on the hand in the graph, though not as bones."""

LAYOUTS = {layout.name: layout for layout in (COCO17, OPENPOSE18, NTU25)}


def by_direction(layout: Layout) -> np.ndarray:
    """Return the adjacency split into self, inward and outward: float32 (3, V, V).

    Columns of each part sum to 1, or to 0 where a joint has no such neighbour.
    """
    size = len(layout.joints)
    inward = np.zeros((size, size))
    for joint, nearer in layout.edges:
        inward[nearer, joint] = 1
    parts = np.eye(size), _columns_to_one(inward), _columns_to_one(inward.T)
    return np.stack(parts).astype(np.float32)


def by_distance(layout: Layout) -> np.ndarray:
    """Return the adjacency split into self, not farther from the centre, and farther.

    Distances over one edge are taken for infinite, as the published code has it: of most pairs of
    neighbours none then is farther. float32 (3, V, V).
    """
    size = len(layout.joints)
    near = np.eye(size)
    for a, b in layout.edges:
        near[a, b] = near[b, a] = 1
    weights = _columns_to_one(near)
    centre = np.where(near[:, layout.centre] > 0, 1.0, np.inf)
    centre[layout.centre] = 0
    neighbours = near - np.eye(size)
    not_farther = centre[:, None] >= centre[None, :]
    parts = np.eye(size), neighbours * not_farther, neighbours * ~not_farther
    return np.stack([part * weights for part in parts]).astype(np.float32)


def _columns_to_one(matrix: np.ndarray) -> np.ndarray:
    sums = matrix.sum(0)
    return matrix / np.where(sums > 0, sums, 1)
