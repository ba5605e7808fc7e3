"""`train_renderer.py`: trains the two networks that imitate a brush."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.cli.early import begin_threads
from renderers.brushes import names

if TYPE_CHECKING:
    import torch

    from renderers.training import Trainer

DONE, USAGE, UNREADABLE, WEIGHTS, UNWRITABLE, NUMERICAL, INTERRUPTED = 0, 2, 3, 4, 5, 8, 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="train_renderer.py",
        description="Trains the neural renderer of a brush from scratch, on strokes that the brush draws on the fly.",
        epilog="Several processes: torchrun --nproc-per-node N train_renderer.py --brush oil. Exit status: 0 done, "
        "2 usage, 4 checkpoint invalid, 5 output not writable, 8 the loss stopped being finite, 130 interrupted "
        "(run the same command with --resume to go on).",
    )
    parser.add_argument("--brush", required=True, choices=names(), help="which brush to imitate")
    parser.add_argument("--output", type=Path, help="folder for weights and card (default: the project's own)")
    parser.add_argument("--checkpoint", type=Path, help="checkpoint file (default: checkpoints/BRUSH.safetensors)")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument("--steps", type=int, help="optimiser steps (default: 2200)")
    parser.add_argument("--batch", type=int, help="strokes a step and process (default: 128)")
    parser.add_argument("--rate", type=float, help="peak learning rate (default: 0.004)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and samples (default: 0)")
    parser.add_argument("--held-out", type=int, help="strokes that the score is measured on (default: 2000)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for name, low in (("steps", 1), ("batch", 1), ("held_out", 1), ("seed", 0)):
        value = getattr(options, name)
        if value is not None and value < low:
            parser.error(f"--{name.replace('_', '-')}: expected at least {low}, got {value}")
    if options.rate is not None and not 0 < options.rate < 1:
        parser.error(f"--rate: expected a number between 0 and 1, got {options.rate}")
    begin_threads()
    from renderers.weights import WeightsError

    try:
        return _train(options, _command(options))
    except WeightsError as error:
        return _fail(str(error), WEIGHTS)
    except OSError as error:
        return _fail(f"{error.filename or 'output'}: cannot be written ({error.strerror})", UNWRITABLE)
    except FloatingPointError as error:
        return _fail(str(error), NUMERICAL)
    except KeyboardInterrupt:  # outside the training steps, which keep a checkpoint
        return _fail("interrupted", INTERRUPTED)


def _command(options: argparse.Namespace) -> str:
    """The command that trains the same weights: what was asked for, less where files lie and what is shown."""
    words = ["python", "train_renderer.py", "--brush", options.brush]
    for name in ("steps", "batch", "rate", "held_out", "seed"):
        value = getattr(options, name)
        if value not in (None, 0):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _fail(message: str, status: int) -> int:
    print(f"train_renderer.py: {message}", file=sys.stderr)
    return status


def _device(name: str, local_rank: int) -> torch.device:
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise SystemExit(_fail("--device cuda: no CUDA device found", USAGE))
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


def _train(options: argparse.Namespace, command: str) -> int:
    import torch

    from renderers.brushes import brush
    from renderers.training import Trainer, TrainingConfig

    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    device = _device(options.device, int(os.environ.get("LOCAL_RANK", "0")))
    chosen = {k: v for k in ("steps", "batch", "rate", "seed", "held_out") if (v := getattr(options, k)) is not None}
    config = TrainingConfig(**chosen)
    if world > 1:
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        trainer = Trainer(brush(options.brush), config, device, rank=rank, world=world)
        checkpoint = options.checkpoint or Path("checkpoints") / f"{options.brush}.safetensors"
        if options.resume:
            if not checkpoint.exists():
                return _fail(f"{checkpoint}: no checkpoint to resume from", UNREADABLE)
            trainer.load_checkpoint(checkpoint)
        if rank == 0:
            _folder(options).mkdir(parents=True, exist_ok=True)
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
        finished = _loop(trainer, checkpoint, quiet=options.quiet or rank > 0)
        if not finished:
            return (
                _fail(f"stopped at step {trainer.step}; go on with --resume", INTERRUPTED) if rank == 0 else INTERRUPTED
            )
        if rank == 0:
            _write(trainer, options, command)
            checkpoint.unlink(missing_ok=True)
    finally:
        if world > 1:
            torch.distributed.destroy_process_group()
    return DONE


def _loop(trainer: Trainer, checkpoint: Path, *, quiet: bool) -> bool:
    """Trains to the end, with a checkpoint every half minute; False where Ctrl-C came first."""
    from tqdm import tqdm

    from renderers.training import every

    due = every(30)
    bar = tqdm(total=trainer.config.steps, initial=trainer.step, unit="step", disable=quiet, file=sys.stderr)
    try:
        for loss in trainer.run():
            bar.update()
            bar.set_postfix(loss=f"{loss:.5f}", refresh=False)
            if trainer.rank == 0 and due():
                trainer.save_checkpoint(checkpoint)
    except KeyboardInterrupt:
        if trainer.rank == 0:
            trainer.save_checkpoint(checkpoint)
        return False
    finally:
        bar.close()
    if trainer.rank == 0:
        trainer.save_checkpoint(checkpoint)
    return True


def _folder(options: argparse.Namespace) -> Path:
    from renderers.weights import folder

    return options.output or folder()


def _write(trainer: Trainer, options: argparse.Namespace, command: str) -> None:
    """Scores the renderer on held-out strokes and writes weights and card."""
    import json
    from dataclasses import asdict

    import torch

    from renderers.training import score
    from renderers.weights import parameter_space, save_renderer

    model, config = trainer.model.eval(), trainer.config
    result = score(model, trainer.brush, config.held_out)
    folder = _folder(options)
    digest = save_renderer(model, folder / f"{trainer.brush.name}.safetensors")
    device = torch.cuda.get_device_name(trainer.device) if trainer.device.type == "cuda" else platform.machine()
    card = {
        "brush": trainer.brush.name,
        "sha256": digest,
        "parameters": sum(p.numel() for p in model.parameters()),
        "command": command,
        "seconds": round(trainer.seconds),
        "cpu_seconds": round(trainer.cpu_seconds),
        "machine": f"{trainer.device.type} ({device}), {torch.get_num_threads()} threads, {trainer.world} process(es)",
        "torch": torch.__version__,
        "samples": config.steps * config.batch * trainer.world,
        "training": asdict(config),
        "psnr_alpha": result.alpha,
        "psnr_colour": result.colour,
        "psnr_composited": result.composited,
        "held_out": config.held_out,
        "shape": parameter_space(trainer.brush),
    }
    path = folder / f"{trainer.brush.name}.json"
    path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(
        f"{trainer.brush.name}: composited {result.composited} dB, alpha {result.alpha} dB, colour {result.colour} dB, "
        f"{trainer.seconds:.0f} s, {path.name}",
        file=sys.stderr,
    )
