"""Several localizers on one stream, their boxes and scores fused."""

from actloc_ros.models.entry import LocalizerEntry

LOCALIZERS = (
    LocalizerEntry(
        name='ensemble(A,B,…)',
        factory='actloc_ros.models.ensemble.open:open_ensemble',
        pattern='ensemble(*)',
        composite=True,
    ),
)
