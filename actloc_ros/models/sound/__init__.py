"""What is heard: sounds with a start and an end, alone or beside any other model."""

from actloc_ros.models.entry import LocalizerEntry

LOCALIZERS = (
    LocalizerEntry(
        name='sound',
        factory='actloc_ros.models.sound.open:open_sound',
        side_inputs=frozenset({'sound'}),
        clip='1 s of sound',
    ),
    LocalizerEntry(
        name='MODEL+sound',
        factory='actloc_ros.models.sound.open:open_with_sound',
        pattern='*+sound',
        wraps=True,
        side_inputs=frozenset({'sound'}),
    ),
    LocalizerEntry(
        name='EFFICIENTAT',
        factory='actloc_ros.models.sound.efficientat.classifier:open_by_name',
        pattern='efficientat_*',
        needs_pytorch=True,
        side_inputs=frozenset({'sound'}),
    ),
)
