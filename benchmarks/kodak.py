"""Paints Kodak-24 at native size, as the published tables of vector fitters do, and prints our rows beside theirs.

python -m benchmarks.kodak --features FILE
python -m benchmarks.kodak --strokes 256 512 1024 --presets balanced --brush oil --against ../other-checkout

576 paintings take hours: each is kept as it is done, and the same command goes on where it stopped. The pictures are
the Kodak Lossless True Color Image Suite, 24 of 768x512; `--photos` says where they lie.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import mean

from benchmarks.painters import Painter, PainterError, Rows, Task
from benchmarks.report import ROOT, commit, write
from benchmarks.sheet import write_sheet
from benchmarks.table import table
from benchmarks.threads import set_threads

KODAK = ROOT.parent / "shared" / "data" / "kodak"
STROKES = (256, 512, 1024, 3000)
BRUSHES = ("oil", "tape")
SHOWN = ("kodim04", "kodim05", "kodim15", "kodim19", "kodim23")
"""On the contact sheet, where they are among the photos."""

PUBLISHED = (
    # method, strokes: PSNR; device; numbers per primitive
    ("Vector Scaffolding (ECCV 2026)", {256: 25.18, 512: 26.68, 1024: 28.30}, "A100, 5000 iterations", "30-45"),
    ("Bezier Splatting (NeurIPS 2025), closed curves", {256: 24.19, 512: 25.61, 1024: 26.91}, "A100", "30-45"),
)
"""Means over the same 24 pictures at native size, from the papers."""


def main() -> int:
    options = _options()
    set_threads(options.threads)
    from neural_painter.errors import UserError
    from neural_painter.images import find_pictures

    try:
        photos = find_pictures(options.photos)
        features = _features(options.features)
    except UserError as error:
        print(f"kodak: {error}", file=sys.stderr)
        return error.exit_status
    tasks = [
        Task(photo, brush, strokes, preset, seed)
        for photo in photos[:: max(1, options.every)]
        for brush in options.brush
        for strokes in options.strokes
        for preset in options.presets
        for seed in options.seeds
    ]
    try:
        rows = _measured(options, tasks, features)
    except PainterError as error:
        print(f"kodak: {error}", file=sys.stderr)
        return 1
    name = "kodak_quick" if options.quick else options.name
    print(_means(rows), end="\n\n")
    print(_beside(rows), end="\n\n")
    print(write(name, rows, threads=options.threads, photos=len(photos), published=PUBLISHED).relative_to(ROOT))
    sheet = ROOT / "out" / f"{name}.jpg"
    write_sheet(sheet, _sheet_rows(options, tasks), 480)
    print(sheet.relative_to(ROOT))
    return 0


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=KODAK, help="the folder of the 24 pictures")
    parser.add_argument("--every", type=int, default=1, help="take every so many-th picture only")
    parser.add_argument("--brush", nargs="+", default=list(BRUSHES))
    parser.add_argument("--strokes", type=int, nargs="+", default=list(STROKES))
    parser.add_argument("--presets", nargs="+", default=["fast", "balanced", "best"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--features", help="safetensors file of VGG-19 for the perceptual distance; none: left out")
    parser.add_argument("--against", type=Path, help="another checkout, which paints the same in turns")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--name", default="kodak", help="of the report in benchmarks/results")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "kodak", help="where pictures and rows are kept")
    parser.add_argument("--quick", action="store_true", help="a trial: four pictures, 64 strokes; writes kodak_quick")
    options = parser.parse_args()
    if options.quick:
        options.every, options.strokes, options.presets, options.brush = 6, [64], ["fast"], ["oil"]
    return options


def _features(source):
    if source is None:
        return None
    from neural_painter.features import load_features

    return load_features(source)


def _measured(options, tasks, features):
    """A row for each task, and for each checkout; those that were done before are not done again."""
    trees = {"this": ROOT, **({"against": options.against} if options.against else {})}
    kept = {which: Rows(options.out / which / "rows.jsonl", commit(tree)) for which, tree in trees.items()}
    todo = [task for task in tasks if any(task.name not in rows.rows for rows in kept.values())]
    if todo:
        with tempfile.TemporaryDirectory() as folder:
            painters = [Painter(tree, todo[0].photo, Path(folder), options.brush) for tree in trees.values()]
            with painters[0] as first:
                if len(painters) == 1:
                    _paint_all(todo, {"this": first}, kept, options.out, features)
                else:
                    with painters[1] as second:
                        _paint_all(todo, {"this": first, "against": second}, kept, options.out, features)
    return [{"checkout": which, **rows.rows[task.name]} for which, rows in kept.items() for task in tasks]


def _paint_all(tasks, painters, kept, out, features):
    for number, task in enumerate(tasks, 1):
        for which, painter in painters.items():
            output = out / which / f"{task.name}.png"
            answer = painter.paint(task.photo, task.config, output)
            row = {"name": task.name, "photo": task.photo.stem, **task.config}
            row |= {key: round(value, 3) for key, value in answer.items()} | _scores(task.photo, output, features)
            kept[which].add(row)
            told = " ".join(f"{key} {row[key]}" for key in ("psnr", "ssim", "perceptual", "seconds") if key in row)
            print(f"{number}/{len(tasks)} {which} {task.name}: {told}", file=sys.stderr)


def _scores(photo, painting, features):
    """PSNR, SSIM and, with features, the perceptual distance, at the photo's own size, of the 8-bit picture."""
    from neural_painter.images import read_image
    from neural_painter.metrics import psnr, ssim

    a, b = read_image(photo), read_image(painting)
    scores = {"psnr": round(psnr(a, b), 4), "ssim": round(ssim(a, b), 4)}
    if features is not None:
        from benchmarks.perceptual import distance

        scores["perceptual"] = round(distance(features, a, b), 5)
    return scores


def _groups(rows):
    """Rows of each checkout, brush, preset and count, over all pictures and seeds."""
    found = {}
    for row in rows:
        found.setdefault((row["checkout"], row["brush"], row["preset"], row["strokes"]), []).append(row)
    return found


def _means(rows):
    groups, lines = _groups(rows), []
    for (checkout, brush, preset, strokes), group in sorted(groups.items()):
        other = groups.get(("against", brush, preset, strokes)) if checkout == "this" else None
        lines.append(
            (
                brush,
                strokes,
                preset,
                checkout,
                f"{mean(row['psnr'] for row in group):.2f}",
                f"{mean(row['ssim'] for row in group):.3f}",
                f"{mean(row['perceptual'] for row in group):.4f}" if "perceptual" in group[0] else None,
                f"{mean(row['seconds'] for row in group):.1f}",
                f"{mean(row['cpu_seconds'] for row in group):.1f}",
                _ratio(group, other, "seconds"),
                _ratio(group, other, "cpu_seconds"),
                group[0]["parameters"],
                len(group),
            )
        )
    heads = ("brush", "strokes", "preset", "checkout", "PSNR, dB", "SSIM", "perceptual", "s", "CPU s")
    return table((*heads, "time ratio", "CPU ratio", "numbers a stroke", "paintings"), lines)


def _ratio(group, other, name):
    """Of the sums; both paint in turns, so that they meet the same machine."""
    if not other:
        return None
    return f"{sum(row[name] for row in group) / sum(row[name] for row in other):.2f}"


def _beside(rows):
    """The published table, with our means."""
    counts = sorted({row["strokes"] for row in rows} | {256, 512, 1024})
    lines = [
        (method, *(scores.get(n) for n in counts), device, numbers) for method, scores, device, numbers in PUBLISHED
    ]
    ours = {}
    for (checkout, brush, preset, strokes), group in _groups(rows).items():
        ours.setdefault((checkout, brush, preset), {})[strokes] = group
    for (checkout, brush, preset), by_count in sorted(ours.items()):
        name = f"neural_painter, {brush}, {preset}" + (" (other checkout)" if checkout == "against" else "")
        scores = [f"{mean(row['psnr'] for row in by_count[n]):.2f}" if n in by_count else None for n in counts]
        seconds = " / ".join(f"{mean(row['seconds'] for row in by_count[n]):.1f}" for n in counts if n in by_count)
        parameters = str(next(iter(by_count.values()))[0]["parameters"])
        lines.append((name, *scores, f"CPU, {seconds} s", parameters))
    return table(("method", *(f"{n} strokes" for n in counts), "device, time", "numbers each"), lines)


def _sheet_rows(options, tasks):
    """Photo, then the paintings of the most careful preset by count, for a few photos; oil by default."""
    brush, preset, seed = options.brush[0], options.presets[-1], options.seeds[0]
    photos = list(dict.fromkeys(task.photo for task in tasks))
    shown = [photo for photo in photos if photo.stem in SHOWN] or photos[:5]
    names = [[Task(photo, brush, n, preset, seed).name for n in options.strokes] for photo in shown]
    return [
        [photo, *(options.out / "this" / f"{name}.png" for name in row)]
        for photo, row in zip(shown, names, strict=True)
    ]


if __name__ == "__main__":
    sys.exit(main())
