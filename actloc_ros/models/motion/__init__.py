"""The localizer `motion`: classic vision, no download, no PyTorch."""

from actloc_ros.models.entry import LocalizerEntry

LOCALIZERS = (
    LocalizerEntry(
        name='motion',
        factory='actloc_ros.models.motion.localizer:MotionLocalizer',
        classes='5',
        clip='2',
    ),
)
