"""Graph networks over skeletons: ST-GCN, ST-GCN++, CTR-GCN and the continual ST-GCN."""

from actloc_ros.models.graphs.entries import ARCHITECTURES, ENTRIES

__all__ = ['ARCHITECTURES', 'ENTRIES']
