"""Install the offline half by pip where there is no ROS; colcon uses CMakeLists.txt instead."""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

here = Path(__file__).parent
package = ElementTree.parse(here / 'package.xml').getroot()


def read_requirements(name: str) -> list[str]:
    """Return the lines of a list of requirements that are no comments."""
    lines = (here / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


networks = read_requirements('requirements-networks.txt')

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
        'actloc_ros.models.sound.efficientat': ['audioset_labels.txt'],
        'actloc_ros.recordings.report': ['page.html', 'page.css', 'page.js'],
    },
    python_requires='>=3.10',
    install_requires=read_requirements('requirements.txt'),
    extras_require={
        'networks': networks,
        'cluster': ['ray>=2.40'],
        'notify': ['apprise>=1.9', 'paho-mqtt>=2.0'],
        'recordings': read_requirements('requirements-recordings.txt'),
        'words': read_requirements('requirements-words.txt'),
        'train': networks,  # the same: all of it needs PyTorch
        'trees': ['py-trees>=2.2'],
    },
    entry_points={'console_scripts': ['actloc = actloc_ros.cli.main:main']},
)
