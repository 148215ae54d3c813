"""Published networks that find people or joints: YOLOX, NanoDet-Plus, RTMDet, RTMPose, RTMO."""

from actloc_ros.models.published_people.entries import ARCHITECTURES, ENTRIES

__all__ = ['ARCHITECTURES', 'ENTRIES']
