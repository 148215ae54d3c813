"""Print the table of networks in doc/models.md: `python scripts/make_model_table.py`."""

from actloc_ros.models import registry
from actloc_ros.models.architecture import Architecture
from actloc_ros.models.count_costs import Cost, known_cost
from actloc_ros.models.entry import Entry

HEAD = (
    '| architecture | task | parameters | GMAC a clip | clip | input |\n|---|---|---|---|---|---|'
)


def rows() -> list[tuple[Architecture, Entry]]:
    """Return each architecture with the first of its entries."""
    first = {entry.architecture: entry for entry in reversed(registry.entries().values())}
    return [(registry.architectures()[name], first[name]) for name in registry.architectures()]


def line(architecture: Architecture, entry: Entry, cost: Cost) -> str:
    """Return one network's row."""
    how = entry.preprocessing
    size = f'{how.height}×{how.width}'
    clip = f'{entry.frames} at {entry.rate:g} Hz' if entry.frames > 1 else 'one image'
    if entry.skeleton is not None:
        size = f'{architecture.shape(entry)[2]} joints'
    return (
        f'| `{architecture.name}` | {architecture.task.value} | {cost.parameters:,} |'
        f' {cost.gmac:.2f} | {clip} | {size} |'
    )


def main() -> None:
    """Print the table."""
    print(HEAD)
    for architecture, entry in rows():
        print(line(architecture, entry, known_cost(architecture, entry)))


if __name__ == '__main__':
    main()
