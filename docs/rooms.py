"""Draws docs/rooms.svg, the rooms and who may import whom, from the table that tests/test_layers.py holds.

python docs/rooms.py
"""

import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.test_layers import FILM, LEVEL_2, LEVEL_3, MAY_IMPORT, PACKAGES, SAYING  # noqa: E402

WIDTH, MARGIN, GAP, PAD = 1000, 16, 10, 14
NAME, SMALL = 15, 12
"""Sizes of the letters of a room's name, and of what it uses."""
LINE = 18
INK, GREY, PAPER = "#222", "#666", "#ffffff"
FLOORS = ("#fbe3d6", "#f9efcf", "#e4efd9", "#d9ebe8", "#dde5f4", "#ececec")


LIBRARY = ("neural_painter.painting", "neural_painter.film_painting", "neural_painter.film_rendering")

SHOWN = {
    "neural_painter.__main__": "python -m neural_painter",
    "paint": "paint.py",
    "train_renderer": "train_renderer.py",
}


def short(module):
    """What a room is called in the picture."""
    return SHOWN.get(module, module.removeprefix("neural_painter.").removeprefix("renderers."))


def uses(module):
    """What a room of the ground floors may import, less `errors` and `files`, which all may."""
    return [short(other) for other in MAY_IMPORT[module] if other not in SAYING]


def depth(module):
    """0 where a room uses no other, else one more than the deepest that it uses."""
    return max((1 + depth(other) for other in MAY_IMPORT[module] if other not in (*SAYING, *PACKAGES)), default=0)


def text(x, y, words, size, fill=INK, weight="normal", anchor="start"):
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{fill}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )


def lines_of(module, note):
    return [f"uses {', '.join(uses(module))}"] if note and uses(module) else []


def box(x, y, module, height, note):
    """A room: its name, and what it uses; gives the drawing and the width."""
    below = lines_of(module, note)
    width = box_width(module, note)
    drawn = [f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height}" rx="6" fill="{PAPER}" stroke="#999"/>']
    drawn.append(text(x + width / 2, y + 22, short(module), NAME, weight="600", anchor="middle"))
    drawn += [text(x + width / 2, y + 22 + LINE, line, SMALL, GREY, anchor="middle") for line in below]
    return drawn, width


def box_width(module, note):
    letters = max([len(short(module)) * NAME * 0.62, *(len(line) * SMALL * 0.56 for line in lines_of(module, note))])
    return round(letters + 2 * PAD)


def rows_of(modules, width, note):
    """Breaks rooms into rows no wider than `width`."""
    rows, used = [[]], 0
    for module in modules:
        wide = box_width(module, note)
        if rows[-1] and used + wide > width:
            rows.append([])
            used = 0
        rows[-1].append(module)
        used += wide + GAP
    return rows


def floor(x, y, width, title, groups, fill, note=False):
    """A floor: its title over rows of rooms; gives the drawing and the height."""
    drawn, top = [], y + 30
    for group in groups:
        for row in rows_of(group, width - 2 * PAD, note):
            height = 34 + (LINE if any(lines_of(module, note) for module in row) else 0)
            left = x + (width - sum(box_width(module, note) + GAP for module in row) + GAP) / 2
            for module in row:
                made, wide = box(left, top, module, height, note)
                drawn += made
                left += wide + GAP
            top += height + GAP
    height = top - y + 4
    back = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" fill="{fill}"/>'
    return [back, text(x + PAD, y + 20, title, 13, GREY), *drawn], height


def by_depth(modules):
    """Rooms in rows, those that use others above those they use."""
    depths = sorted({depth(module) for module in modules}, reverse=True)
    return [[module for module in modules if depth(module) == deep] for deep in depths]


def draw():
    """The picture as SVG."""
    wide = WIDTH - 2 * MARGIN
    everything = [module for module, others in MAY_IMPORT.items() if others == PACKAGES]
    doors = [module for module, others in MAY_IMPORT.items() if others == ("neural_painter.cli",)]
    upper = {*everything, *doors, *LEVEL_2, *LEVEL_3, *SAYING, *PACKAGES, *LIBRARY, FILM}
    ground = [module for module in MAY_IMPORT if module not in upper]
    strokes = [module for module in ground if module.startswith("renderers.")]
    tools = [module for module in ground if module not in strokes]
    drawn, y = [], MARGIN
    upper_floors = (
        ("Doors: start the command line", [doors], FLOORS[0]),
        ("Command line and public names: may import everything", [everything], FLOORS[0]),
        ("The library's painting: all below", [list(LIBRARY)], FLOORS[1]),
        ("Films: the painter and all below features", [[FILM]], FLOORS[1]),
        ("Features: all below, never one another", [list(LEVEL_3)], FLOORS[2]),
        ("The document of a painting: may import renderers, tables", [list(LEVEL_2)], FLOORS[3]),
    )
    for title, groups, fill in upper_floors:
        made, height = floor(MARGIN, y, wide, title, groups, fill)
        drawn += made
        y += height + GAP
    left = 400
    first, one = floor(MARGIN, y, left, "renderers: nothing of neural_painter", by_depth(strokes), FLOORS[4], note=True)
    other = "Tools: only what each names"
    second, two = floor(MARGIN + left + GAP, y, wide - left - GAP, other, by_depth(tools), FLOORS[4], note=True)
    drawn += [*level(first, one, max(one, two)), *level(second, two, max(one, two))]
    y += max(one, two) + GAP
    made, height = floor(MARGIN, y, wide, "What all of neural_painter may import", [list(SAYING)], FLOORS[5])
    y += height + MARGIN
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:g}" width="{WIDTH}" height="{y:g}"'
    paper = f'<rect width="{WIDTH}" height="{y:g}" fill="{PAPER}"/>'
    font = ' font-family="Helvetica, Arial, DejaVu Sans, sans-serif">'
    return "\n".join([head + font, paper, *drawn, *made, "</svg>"]) + "\n"


def level(drawn, height, wanted):
    """A floor whose back reaches as far down as its neighbour's."""
    return [drawn[0].replace(f'height="{height:g}"', f'height="{wanted:g}"'), *drawn[1:]]


if __name__ == "__main__":
    (ROOT / "docs" / "rooms.svg").write_text(draw(), encoding="utf-8")
