"""Install the offline half by pip where there is no ROS; colcon uses CMakeLists.txt instead."""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

here = Path(__file__).parent
package = ElementTree.parse(here / 'package.xml').getroot()
requirements = [
    line
    for line in (here / 'requirements.txt').read_text().splitlines()
    if line and not line.startswith('#')
]

setup(
    name='actloc_ros',
    version=package.findtext('version'),
    description=package.findtext('description'),
    license='Apache-2.0',
    # Not as actloc_ros.msg, which is where colcon generates the messages' classes.
    packages=[*find_packages(include=['actloc_ros', 'actloc_ros.*']), 'actloc_ros.definitions'],
    package_dir={'actloc_ros.definitions': 'msg'},
    package_data={
        'actloc_ros': ['py.typed', 'weights/*.safetensors', 'weights/*.onnx', 'weights/NOTICE'],
        'actloc_ros.definitions': ['*.msg'],
    },
    python_requires='>=3.10',
    install_requires=requirements,
    extras_require={
        'notify': ['apprise>=1.9', 'paho-mqtt>=2.0'],
        'train': ['lightning-fabric>=2.2', 'tensorboard>=2.14'],
        'trees': ['py-trees>=2.2'],
    },
    entry_points={'console_scripts': ['actloc = actloc_ros.cli.main:main']},
)
