"""HOG and HOF along point tracks, Fisher vectors and linear classifiers: no GPU."""

from actloc_ros.models.entry import LocalizerEntry

LOCALIZERS = (
    LocalizerEntry(
        name='hog_hof',
        factory='actloc_ros.models.hog_hof.localizer:HogHofLocalizer',
        local='trained by you',
    ),
)
