"""Check that packages are cut down to the messages asked for and all that they hold."""

import pytest
from build_messages import collect, copy, write


def source(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_a_message_brings_what_it_holds(tmp_path):
    source(tmp_path, 'a/nav2_msgs/msg/SpeedLimit.msg', 'Header header\nInner[] inner # Outer\n')
    source(tmp_path, 'a/nav2_msgs/msg/Inner.msg', 'uint8 OTHER=1\nfloat64[3] x\n')
    source(tmp_path, 'a/nav2_msgs/msg/Unused.msg', '')
    source(tmp_path, 'b/foxglove_msgs/ros2/Event.msg', 'nav2_msgs/SpeedLimit limit\n')
    source(tmp_path, 'b/foxglove_msgs/ros1/Event.msg', 'time stamp\n')
    cuts = collect(tmp_path, ('foxglove_msgs/msg/Event',))
    assert set(cuts['nav2_msgs'].files) == {'msg/SpeedLimit.msg', 'msg/Inner.msg'}
    assert cuts['nav2_msgs'].depends == {'std_msgs'}
    assert cuts['foxglove_msgs'].files['msg/Event.msg'].parent.name == 'ros2'
    write(tmp_path / 'out', 'foxglove_msgs', cuts['foxglove_msgs'])
    built = (tmp_path / 'out' / 'foxglove_msgs' / 'CMakeLists.txt').read_text()
    assert '"msg/Event.msg"' in built
    assert 'DEPENDENCIES nav2_msgs' in built


def test_a_message_that_is_not_there_says_where_it_comes_from(tmp_path):
    with pytest.raises(SystemExit, match=r'check out \S+ros-navigation'):
        collect(tmp_path, ('nav2_msgs/msg/SpeedLimit',))


def test_tf2_is_built_as_it_is(tmp_path):
    source(tmp_path, 'geometry2/tf2_py/package.xml', '<package/>')
    source(tmp_path, 'geometry2/tf2_py/src/tf2_py.cpp', '// all of it')
    copy(tmp_path / 'out', tmp_path, 'tf2_py')
    assert (tmp_path / 'out' / 'tf2_py' / 'src' / 'tf2_py.cpp').read_text() == '// all of it'
    with pytest.raises(SystemExit, match=r'tf2_ros_py is not below .*ros2/geometry2'):
        copy(tmp_path / 'out', tmp_path, 'tf2_ros_py')
