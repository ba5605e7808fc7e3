"""Photorealistic transfer of published cases: the photo, the fast mode, ours, and the authors' own result.

python -m benchmarks.photo

Needs cases (`inN`, `tarN`, masks `*_seg`, `published_final_N`), features and the measures beside the repository; they
are no part of it. Each transfer is a command in a process of its own, with its start, reading and writing. Gram is the
distance to the style's Gram matrices per segment, each layer over its target's energy, with the same features.
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.processes import run_measured
from benchmarks.report import ROOT, write
from benchmarks.sheet import write_sheet
from benchmarks.table import table
from benchmarks.threads import set_threads

SHARED = ROOT.parent / "shared"
CASES = SHARED / "data" / "deep_photo"
FEATURES = SHARED / "data" / "features" / "vgg19_16x.safetensors"
MEASURES = SHARED / "tools" / "photo_measures.py"

BARS = {"laplacian": 1.0, "edges": 1.0, "structure": 1.0, "colour": 1.1, "gram": 1.0}
"""Against the published result: at most so many times for laplacian, colour and gram, at least for the others."""

AT_LEAST = ("edges", "structure")
SECONDS = 60
CELL = 460


def main() -> int:
    options = _options()
    set_threads(options.threads)
    if not (options.cases.is_dir() and options.features.is_file() and MEASURES.is_file()):
        print("photo: cases, features or measures are not at hand; see --help", file=sys.stderr)
        return 3
    measures = _measures()
    rows, strips = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.case:
            case = _Case(options, name, measures)
            pictures = {"content": case.files["content"]}
            spent = {}
            for way, words in (("fast", ["--preset", "fast"]), ("ours", ["--preset", options.preset])):
                pictures[way] = Path(folder, f"{name}-{way}.png")
                spent[way] = _transfer(case, pictures[way], words, options)
                if spent[way] is None:
                    return 1
            pictures["published"] = case.files["published"]
            found = {way: case.measure(path) for way, path in pictures.items()}
            for way, values in found.items():
                row = {"case": name, "way": way, **values, **(spent.get(way) or {})}
                if way == "ours":
                    row["missed"] = _missed(values, found, spent["ours"]["seconds"])
                rows.append(row)
            print(f"case {name}: {rows[-2]['missed'] or 'all bars met'}", file=sys.stderr)
            strips.append([case.files["style"], *pictures.values()])
        print(_table(rows), end="\n\n")
        path = write(
            "photo", rows, threads=options.threads, preset=options.preset, bars=BARS, segments=not options.single
        )
        print(path.relative_to(ROOT))
        write_sheet(options.sheet, strips, CELL)
    print(options.sheet)
    return 0


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs="+", default=["1", "7", "11", "20"])
    parser.add_argument("--cases", type=Path, default=CASES, help="folder of cases")
    parser.add_argument("--features", type=Path, default=FEATURES)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--single", action="store_true", help="without masks: everything is one segment")
    parser.add_argument("--threads", type=int, default=2)
    sheet = ROOT / "out" / "photo.png"
    parser.add_argument("--sheet", type=Path, default=sheet, help="style, content, fast, ours, published in a row")
    return parser.parse_args()


def _measures():
    """The module of measures, from its file."""
    found = importlib.util.spec_from_file_location("photo_measures", MEASURES)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


class _Case:
    """One case: its files, and the measures of a picture against it."""

    def __init__(self, options, name, measures):
        from PIL import Image

        folder = options.cases
        self.name, self.measures, self.features = name, measures, options.features
        self.files = {
            "content": folder / f"in{name}.png",
            "style": folder / f"tar{name}.png",
            "content-mask": folder / f"in{name}_seg.png",
            "style-mask": folder / f"tar{name}_seg.png",
            "published": folder / f"published_final_{name}.png",
        }
        self.masks = [] if options.single else ["content-mask", "style-mask"]
        self.content, self.style = measures.read(self.files["content"]), measures.read(self.files["style"])
        sides = [picture.shape[1::-1] for picture in (self.content, self.style)]
        if options.single:
            self.segments = [{"all": np.ones(side[::-1], bool)} for side in sides]
        else:
            self.segments = [
                measures.segments(measures.read(self.files[mask], side, Image.BILINEAR))
                for mask, side in zip(self.masks, sides, strict=True)
            ]
        self.gram = _gram_of(self)

    def measure(self, path):
        picture = self.measures.read(path, self.content.shape[1::-1])
        return {
            "laplacian": float(self.measures.laplacian_energy(self.content, picture)),
            "edges": float(self.measures.edges(self.content, picture)),
            "structure": float(self.measures.structure(self.content, picture)),
            "colour": float(self.measures.colour(picture, self.style, *self.segments)),
            "gram": self.gram(picture),
        }


def _gram_of(case):
    """A function from a picture to its Gram distance."""
    import torch

    from neural_painter.features import load_features
    from neural_painter.images import read_image
    from neural_painter.losses.gram import STYLE_LAYERS, gram_loss, style_target
    from neural_painter.photo.masks import one_segment, read_segments, soft_masks

    def tensor(picture):
        return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32))[None]

    features = load_features(case.features)
    content, style = read_image(case.files["content"]), read_image(case.files["style"])
    if case.masks:
        segments = read_segments(content, style, *(read_image(case.files[mask]) for mask in case.masks))
    else:
        segments = one_segment(content, style)
    masks = [
        torch.from_numpy(soft_masks(labels, segments.count, picture.shape[:2]))
        for labels, picture in ((segments.style, style), (segments.content, content))
    ]
    target = style_target(features, tensor(style), *masks)

    def gram(picture):
        with torch.no_grad():
            return float(gram_loss(features(tensor(picture), STYLE_LAYERS), target))

    return gram


def _transfer(case, output, words, options):
    """Seconds and peak memory of `paint.py photo`; None where it failed."""
    command = [sys.executable, "paint.py", "photo", str(case.files["content"]), str(case.files["style"])]
    for mask in case.masks:
        command += [f"--{mask}", str(case.files[mask])]
    command += ["--features", str(options.features), "-o", str(output), "--json", "--quiet", *words]
    answer, status, wall, peak = run_measured(command)
    if status:
        print(f"photo: case {case.name}: paint.py ended with status {status}", file=sys.stderr)
        return None
    phases = json.loads(answer)["seconds"]
    return {"seconds": round(wall, 2), "phases_s": phases, "peak_gb": round(peak / 1e9, 3)}


def _missed(ours, found, seconds):
    """The bars that were missed, as `measure times`."""
    missed = []
    for name, bar in BARS.items():
        times = ours[name] / found["published"][name]
        if times < bar if name in AT_LEAST else times > bar:
            missed.append(f"{name} {times:.2f}")
    if ours["gram"] > 0.75 * found["fast"]["gram"]:
        missed.append("gram is not well below the fast mode's")
    if seconds > SECONDS:
        missed.append(f"{seconds:.0f} s")
    return missed


def _table(rows):
    heads = ("case", "way", "laplacian", "edges", "structure", "colour", "gram", "seconds", "peak, GB", "missed")
    lines = []
    for row in rows:
        missed = ", ".join(row["missed"]) or "none" if "missed" in row else ""
        seconds, peak = (f"{row[key]:.1f}" if key in row else "" for key in ("seconds", "peak_gb"))
        shown = [f"{row[name]:.3f}" for name in ("edges", "structure", "colour", "gram")]
        lines.append((row["case"], row["way"], f"{row['laplacian']:.1e}", *shown, seconds, peak, missed))
    return table(heads, lines)


if __name__ == "__main__":
    sys.exit(main())
