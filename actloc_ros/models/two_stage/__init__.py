"""Two stages: a person detector, then a classifier of each track's clip."""

from actloc_ros.models.entry import LocalizerEntry

OPEN = 'actloc_ros.models.two_stage.open:open_two_stage'
LOCALIZERS = (
    LocalizerEntry(
        name='topic+CLASSIFIER',
        factory=OPEN,
        pattern='topic+*',
        needs_pytorch=True,
        side_inputs=frozenset({'boxes'}),
    ),
    LocalizerEntry(name='DETECTOR+CLASSIFIER', factory=OPEN, pattern='*+*', needs_pytorch=True),
)
