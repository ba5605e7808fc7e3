"""Contact sheets: pictures in rows, all of one width."""

GAP = 8


def write_sheet(path, rows, width):
    """Writes a sheet of the pictures in files, `width` pixels wide each; None leaves a place empty."""
    from PIL import Image

    cells = []
    for row in rows:
        images = [Image.open(file).convert("RGB") if file else None for file in row]
        cells.append(
            [i and i.resize((width, round(width * i.height / i.width)), Image.Resampling.LANCZOS) for i in images]
        )
    heights = [max(cell.height for cell in row if cell) + GAP for row in cells]
    sheet = Image.new("RGB", (max(map(len, cells)) * (width + GAP) + GAP, sum(heights) + GAP), "white")
    top = GAP
    for row, height in zip(cells, heights, strict=True):
        for column, cell in enumerate(row):
            if cell:
                sheet.paste(cell, (GAP + column * (width + GAP), top))
        top += height
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, quality=88)
