"""Two networks without PyTorch: one finds people and joints, one scores what the joints do."""

from actloc_ros.models.entry import LocalizerEntry

LOCALIZERS = (
    LocalizerEntry(
        name='pose_n',
        factory='actloc_ros.models.pose.open:open_pose_n',
        clip='streaming',
    ),
    LocalizerEntry(
        name='topic+skeleton_n',
        factory='actloc_ros.models.pose.open:open_pose',
        side_inputs=frozenset({'joints'}),
        pattern='topic+skeleton_n',
    ),
    LocalizerEntry(
        name='topic+SKELETON',
        factory='actloc_ros.models.pose.open_graphs:open_graphs',
        side_inputs=frozenset({'joints'}),
        pattern='topic+*gcn*',
        needs_pytorch=True,
    ),
    LocalizerEntry(
        name='PEOPLE+skeleton_n',
        factory='actloc_ros.models.pose.open:open_pose',
        pattern='*+skeleton_n',
    ),
    LocalizerEntry(
        name='PEOPLE+SKELETON',
        factory='actloc_ros.models.pose.open_graphs:open_graphs',
        pattern='*+*gcn*',
        needs_pytorch=True,
    ),
)
