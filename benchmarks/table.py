"""Markdown tables."""

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table, padded so that it reads well unrendered: texts to the left, everything else to the right.

    Args:
        heads: of the columns.
        rows: cells as they are to be shown; None leaves one empty.
    """
    lines = [["" if cell is None else str(cell) for cell in row] for row in rows]
    left = [all(isinstance(row[k], str) and not row[k][:1].isdigit() for row in rows) for k in range(len(heads))]
    widths = [max(3, *(len(line[k]) for line in [list(heads), *lines])) for k in range(len(heads))]

    def joined(line: Sequence[str]) -> str:
        cells = (cell.ljust(w) if l else cell.rjust(w) for cell, w, l in zip(line, widths, left, strict=True))
        return f"| {' | '.join(cells)} |"

    rule = [("-" * w) if l else "-" * (w - 1) + ":" for w, l in zip(widths, left, strict=True)]
    return "\n".join([joined(heads), joined(rule), *(joined(line) for line in lines)])
