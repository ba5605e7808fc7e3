"""`paint.py photo CONTENT STYLE`: gives a photo the look of another."""

from __future__ import annotations

import argparse
import json
import math
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter.cli.failures import DONE, INTERRUPTED, STATUSES, command, emit, program, report, say, tell
from neural_painter.cli.features import add_features, read_features
from neural_painter.cli.interrupts import Interrupts
from neural_painter.cli.options import Parser, add_config, add_manners, add_output, config_from, fit_size
from neural_painter.cli.outputs import check_names, check_pictures, folders_made, name_outputs, stem_of
from neural_painter.cli.progress import Bar, kernel_notice
from neural_painter.errors import OutputError, UsageError
from neural_painter.files import check_output
from neural_painter.photo.config import PhotoConfig

if TYPE_CHECKING:
    from neural_painter.features import Features
    from neural_painter.images import Array
    from neural_painter.photo.transfer import PhotoProgress, PhotoResult

DEFAULT_OUTPUT = "{name}-photo.png"

DESCRIPTION = """Gives a photo the look of another photo: its light, its weather, its time of day. It stays a photo.

  python paint.py photo day.jpg night.jpg -o day-at-night.png --preset fast
  python paint.py photo day.jpg night.jpg --content-mask day-mask.png --style-mask night-mask.png
  python paint.py photo day.jpg night.jpg --auto-mask 4 --features vgg19_16x.safetensors"""

EPILOG = f"""A mask is a picture in which each segment has a colour of its own, the same in both masks.
--auto-mask writes its masks beside the result: edit them, and pass them back. The preset fast needs no features.

Ctrl-C keeps the picture so far, with NAME.unfinished.safetensors beside it, and prints the command that goes on.

{STATUSES}"""


def parser() -> Parser:
    """The options of the command."""
    made = Parser(
        "photo",
        usage=f"{program()} photo CONTENT STYLE [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    made.add_argument("content", type=Path, metavar="CONTENT", help="the photo that is to change")
    made.add_argument("style", type=Path, metavar="STYLE", help="the photo whose look it takes")
    made.add_argument("--content-mask", type=Path, metavar="MASK", help="segments of CONTENT, a colour each")
    made.add_argument("--style-mask", type=Path, metavar="MASK", help="segments of STYLE, in the same colours")
    made.add_argument(
        "--auto-mask", type=_segments, default=0, metavar="K", help="look for K segments, 1 to 16, in both photos"
    )
    made.add_argument("--init", type=Path, metavar="PICTURE", help="start from this picture, such as an earlier result")
    add_features(made)
    add_config(made, PhotoConfig)
    add_output(
        made,
        "the picture to write (.png, .jpg, .webp, .tiff). May be repeated; {name} is filled in; a folder takes the "
        f"default name (default: {DEFAULT_OUTPUT} in the current folder)",
    )
    made.add_argument(
        "--resume", type=Path, metavar="FILE", help="go on with an unfinished transfer of the same pictures and options"
    )
    add_manners(made)
    return made


def run(words: list[str]) -> int:
    """Transfers; returns the exit status."""
    options = parser().read(words)
    config = config_from(options, PhotoConfig)
    began = time.perf_counter()
    _check_masks(options)
    with Interrupts() as interrupts, kernel_notice(show=not options.quiet):
        outputs = name_outputs(options.output, DEFAULT_OUTPUT, name=options.content.stem)
        extras = [mask_beside(outputs[0], side) for side in ("content", "style")] if options.auto_mask else []
        check_names([*_inputs(options), (options.content, (*outputs, *extras))], options.output, many=False)
        check_pictures(outputs)
        with folders_made(options.output):
            for path in (*outputs, *extras):
                check_output(path, overwrite=options.overwrite)
            pictures, notes = _read(options)
            tell(options, *notes)
            features = read_features(options) if config.settings().optimize else None
            read = time.perf_counter() - began
            result = _transfer(options, config, pictures, features, interrupts)
            found = result.segments.notes if result.segments else ()
            notes += found
            tell(options, *found)
            if result.recovered:
                tell(options, f"{options.content.name}: {result.recovered} steps were not finite and were taken back")
            written: list[Path] = []
            if result.finished:
                _write_finished(result, config, pictures, outputs, extras, options, interrupts, written)
            elif not _write_unfinished(result, config, pictures, outputs, options, interrupts, written):
                return INTERRUPTED
    seconds = {"read": read, **result.seconds, "total": time.perf_counter() - began}
    if options.json:
        emit(_json(options, result, written, notes, seconds))
    if result.finished:
        tell(options, f"{', '.join(map(str, written))}: {seconds['total']:.1f} s")
    return DONE if result.finished else INTERRUPTED


def mask_beside(output: Path, side: str) -> Path:
    """Where an automatic mask goes: beside the first output."""
    return output.with_name(f"{stem_of(output)}-{side}-mask.png")


def _check_masks(options: argparse.Namespace) -> None:
    given = [bool(options.content_mask), bool(options.style_mask)]
    if any(given) and not all(given):
        missing = "--style-mask" if given[0] else "--content-mask"
        raise UsageError(f"{missing}: masks come in pairs, got only one")
    if any(given) and options.auto_mask:
        raise UsageError("--auto-mask: expected masks or automatic ones, got both")


def _segments(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 16):
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 to 16, got {text!r}")
    return int(text)


def _inputs(options: argparse.Namespace) -> list[tuple[Path, tuple[Path, ...]]]:
    """All files that are read, none of which may be replaced."""
    names = ("content", "style", "content_mask", "style_mask", "init", "features", "resume")
    return [(Path(path), ()) for name in names if (path := getattr(options, name))]


def _read(options: argparse.Namespace) -> tuple[dict[str, Array | None], list[str]]:
    """The pictures, the content at the size that was asked for, and what was noticed while reading."""
    from neural_painter.images import read_image, resize

    notes: list[str] = []
    pictures: dict[str, Array | None] = {}
    for name in ("content", "style", "content_mask", "style_mask", "init"):
        path = getattr(options, name)
        pictures[name] = read_image(path, notes=notes) if path else None
    content = pictures["content"]
    assert content is not None
    size = fit_size(options.size, (content.shape[0], content.shape[1]), options.content)
    if size != content.shape[:2]:
        pictures["content"] = resize(content, size=size)
    return pictures, notes


def _transfer(
    options: argparse.Namespace,
    config: PhotoConfig,
    pictures: dict[str, Array | None],
    features: Features | None,
    interrupts: Interrupts,
) -> PhotoResult:
    from neural_painter.photo.state import read_state
    from neural_painter.photo.transfer import photo_transfer

    content, style = pictures["content"], pictures["style"]
    assert content is not None
    assert style is not None
    state = None
    if options.resume:
        state = read_state(
            options.resume, config, _fingerprint(pictures, options), (content.shape[0], content.shape[1])
        )
    with Bar(options.content.name, show=not options.quiet) as bar:

        def on_step(progress: PhotoProgress) -> None:
            loss = f"{progress.size} px, loss {progress.loss:.4f}"
            bar.move(progress.step / progress.steps, progress.stage, loss)
            interrupts.after_step()

        return photo_transfer(
            content,
            style,
            content_mask=pictures["content_mask"],
            style_mask=pictures["style_mask"],
            auto_mask=options.auto_mask,
            config=config,
            features=features,
            init=pictures["init"],
            on_step=on_step,
            state=state,
        )


def _fingerprint(pictures: dict[str, Array | None], options: argparse.Namespace) -> str:
    from neural_painter.photo.state import fingerprint

    return fingerprint(*pictures.values(), auto_mask=options.auto_mask)


def _write(
    result: PhotoResult, outputs: tuple[Path, ...], extras: list[Path], options: argparse.Namespace, written: list[Path]
) -> None:
    from neural_painter.images import write_image

    for path in outputs:
        write_image(path, result.picture, overwrite=options.overwrite)
        written.append(path)
    if extras and result.segments:
        for path, mask in zip(extras, result.segments.drawn(), strict=True):
            write_image(path, mask, overwrite=options.overwrite)
            written.append(path)


def _write_finished(
    result: PhotoResult,
    config: PhotoConfig,
    pictures: dict[str, Array | None],
    outputs: tuple[Path, ...],
    extras: list[Path],
    options: argparse.Namespace,
    interrupts: Interrupts,
    written: list[Path],
) -> None:
    """Writes everything; where that fails, the transfer is kept, for it took long and the rest is quick."""
    try:
        interrupts.stop_waiting()
        _write(result, outputs, extras, options, written)
    except BaseException:
        if result.state is not None:
            with suppress(OutputError), interrupts.held():
                kept = _free_name(outputs[0], options)
                _keep(kept, result, config, pictures, options)
                again = _command(options, config, outputs, kept)
                say(f"the transfer is kept in {kept}", hint=f"To write the rest: {again}")
        raise


def _write_unfinished(
    result: PhotoResult,
    config: PhotoConfig,
    pictures: dict[str, Array | None],
    outputs: tuple[Path, ...],
    options: argparse.Namespace,
    interrupts: Interrupts,
    written: list[Path],
) -> bool:
    """Keeps where the transfer stands, then the picture as it is, and says how to go on; False where nothing began."""
    if result.state is None:
        say("interrupted before the first step; nothing was written")
        return False
    kept = None
    try:
        with interrupts.held():
            free = _free_name(outputs[0], options)
            _keep(free, result, config, pictures, options)
            kept = free
        _write(result, outputs, [], options, written)
    except (KeyboardInterrupt, Exception) as error:
        if kept is None:
            raise
        if not isinstance(error, KeyboardInterrupt):
            report(error)
    written.append(kept)
    again = _command(options, config, outputs, kept)
    say(f"interrupted; the picture so far is kept in {kept}", hint=f"To go on: {again}")
    return True


def _free_name(output: Path, options: argparse.Namespace) -> Path:
    """A name for what is unfinished. The file that was gone on with may be replaced: it holds less of the same."""
    stem = stem_of(output)
    path, number = output.with_name(f"{stem}.unfinished.safetensors"), 1
    while not options.overwrite and path.exists() and path != options.resume:
        number += 1
        path = output.with_name(f"{stem}.unfinished-{number}.safetensors")
    return path


def _keep(
    path: Path,
    result: PhotoResult,
    config: PhotoConfig,
    pictures: dict[str, Array | None],
    options: argparse.Namespace,
) -> None:
    from neural_painter.photo.state import write_state

    assert result.state is not None
    write_state(path, result.state, config, _fingerprint(pictures, options), overwrite=True)


def _command(options: argparse.Namespace, config: PhotoConfig, outputs: tuple[Path, ...], kept: Path) -> str:
    """The command that goes on: this one as far as it matters, and where it stands."""
    words = [_word(options.content), _word(options.style)]
    for name in ("content_mask", "style_mask", "auto_mask", "init", "features"):
        value = getattr(options, name)
        if value:
            words += [f"--{name.replace('_', '-')}", _word(value)]
    for name in config.__dataclass_fields__:
        if hasattr(options, name):
            value = getattr(options, name)
            words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    if options.size:
        size = options.size
        words += ["--size", str(size) if isinstance(size, int) else f"{size[1]}x{size[0]}"]
    words += [word for path in outputs for word in ("-o", _word(path))]
    return command("photo", *words, "--resume", _word(kept), "--overwrite")


def _word(value: object) -> str:
    """A name as a word of a command; a path forgets the `./` that tells it from an option."""
    return f"./{value}" if str(value).startswith("-") else str(value)


def _json(
    options: argparse.Namespace, result: PhotoResult, written: list[Path], notes: list[str], seconds: dict[str, float]
) -> str:
    losses: dict[str, Any] = {k: round(v, 8) if math.isfinite(v) else None for k, v in result.losses.items()}
    return json.dumps(
        {
            "input": str(options.content),
            "style": str(options.style),
            "outputs": [str(path) for path in written],
            "segments": result.segments.count if result.segments else 1,
            "notes": list(notes),
            "device": result.device,
            "seconds": {phase: round(value, 3) for phase, value in seconds.items()},
            "losses": losses,
            "finished": result.finished,
        },
        ensure_ascii=False,
    )
