"""Check that CONTRIBUTING.md names files, folders and names that exist, and all parts it draws."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'actloc_ros'
TEXT = (ROOT / 'CONTRIBUTING.md').read_text()
PICTURE = TEXT.partition('## The house\n\n```\n')[2].partition('```')[0]
PROSE = TEXT.replace(PICTURE, '')


def find(path: str) -> Path:
    """Return where a path lies that counts from the root or from the package."""
    return ROOT / path if (ROOT / path).exists() else PACKAGE / path


def drawn() -> set[Path]:
    """Return what the picture shows: `name/` is a folder, `name` a module of the folder above."""
    parts, folder = set(), PACKAGE
    for line in PICTURE.splitlines()[1:]:
        names, _, _ = line.strip().partition('  ')
        if not line.startswith('    '):
            folder = PACKAGE
        for name in names.split(', '):
            parts.add(folder / (name if name.endswith('/') else f'{name}.py'))
        if names == 'models/':
            folder = PACKAGE / 'models'
    return parts


def test_named_files_and_folders_exist():
    quoted = re.findall(r'`(\.?\w[\w.-]*(?:/[\w.-]*)*)`', PROSE)
    paths = [path for path in quoted if re.search(r'/|\.(py|md|toml|yaml|xml)$|^\.', path)]
    assert len(paths) > 40
    assert [path for path in paths if 'NAME' not in path and not find(path).exists()] == []


def test_named_tables_are_where_it_says():
    named = re.findall(r'`(\w+)`\s+(?:in|\()\s*`([\w/]+\.py)`', PROSE)
    assert len(named) > 8
    for name, path in named:
        assert re.search(rf'^( *def |class )?{name}\b', find(path).read_text(), re.M), (name, path)


def test_the_picture_shows_each_module_and_folder():
    wanted = {
        path
        for folder in (PACKAGE, PACKAGE / 'models')
        for path in folder.iterdir()
        if (path / '__init__.py').exists() or (path.suffix == '.py' and path.stem != '__init__')
    }
    assert drawn() == wanted
