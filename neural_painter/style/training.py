"""Trains a feed-forward network to restyle any photo, on crops of photos.

Source: Johnson, Alahi and Fei-Fei 2016. Departs from it: VGG-19 of any widths, with the layers that our other style
transfers look at; every layer's loss is divided by its target's energy, so weights mean the same for any network. The
content is that of the photo in the style's colours, and its light and dark are held as well: otherwise the two pull at
every colour from both sides. The learning rate falls along a cosine. All this needs a tenth of the steps.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from neural_painter.colour import colour_statistics, transport_map
from neural_painter.descent import FAILURES
from neural_painter.errors import InputError, NumericalError
from neural_painter.features import Features
from neural_painter.images import fit_long_side, read_image, resize, to_uint8
from neural_painter.losses.gram import CONTENT_LAYER, STYLE_LAYERS
from neural_painter.style.models import ModelError
from neural_painter.style.network import TransformNetwork, johnson
from neural_painter.style.training_config import FastConfig
from renderers.checkpoints import CheckpointError, read_checkpoint, restore, write_checkpoint

Array = np.ndarray

CACHE_BYTES = 2**30
"""Of photos that are kept decoded, each shrunk to at most three crops' sides."""

LARGEST = 3.0
"""A crop's side is that of a third of the photo's short side at least, where the photo is large enough."""

SLIMMEST = 8
"""Of photos that are more than so many times as long as wide, the rest is not looked at: enlarged, it would be huge."""

CLIP = 1.0
"""Largest norm of a step's gradient: the first steps are rough."""

FLAT = 0.02
"""Crops none of whose channels deviates by more teach nothing: instance norm makes huge gradients of so little."""

TRIES = 20
"""Places looked at for a crop that is not flat."""


class Photos:
    """Crops of photos, at random places and scales. Safe to use from several threads.

    Args:
        paths: pictures; one that cannot be read is left out once it is met, and others are looked at in its place.
        crop: side in pixels.
        seed: of the choice; crop number n is always the same.

    Attributes:
        notes: one sentence for each photo that was left out.
    """

    def __init__(self, paths: Sequence[Path], crop: int, seed: int) -> None:
        if not paths:
            raise InputError("no photos to train on")
        self.paths, self.crop, self.seed = list(paths), crop, seed
        self.notes: list[str] = []
        self._readable = set(paths)
        self._kept: OrderedDict[Path, Array] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def batch(self, numbers: Sequence[int]) -> Tensor:
        """Crops `[N, 3, crop, crop]` in [0, 1]; the same numbers give the same crops.

        Raises:
            InputError: no photo can be read.
        """
        return torch.stack([torch.from_numpy(self._crop(number)).permute(2, 0, 1) for number in numbers])

    def _crop(self, number: int) -> Array:
        generator = np.random.default_rng((self.seed, number))
        for _ in range(TRIES):
            piece = self._piece(generator)
            if piece.std((0, 1)).max() > FLAT:
                break
        return np.ascontiguousarray(piece[:, ::-1] if generator.uniform() < 0.5 else piece, np.float32)

    def _piece(self, generator: np.random.Generator) -> Array:
        photo = self._chosen(generator)
        height, width = photo.shape[:2]
        # Sides between the crop's own and the whole short side, even in their logarithm.
        most = max(1.0, min(height, width) / self.crop)
        side = min(min(height, width), round(self.crop * most ** generator.uniform()))
        top, left = int(generator.integers(height - side + 1)), int(generator.integers(width - side + 1))
        piece = photo[top : top + side, left : left + side].astype(np.float32) / 255
        return resize(piece, size=(self.crop, self.crop))

    def _chosen(self, generator: np.random.Generator) -> Array:
        # An unreadable photo takes a draw whether or not it was met before: what crop n shows depends on n alone.
        while self._readable:
            path = self.paths[int(generator.integers(len(self.paths)))]
            if path not in self._readable:
                continue
            try:
                return self._photo(path)
            except InputError as error:
                with self._lock:
                    if path in self._readable:
                        self.notes.append(f"{error}; left out")
                        self._readable.remove(path)
        raise InputError(f"none of the {len(self.paths)} photos can be read", hint=self.notes[0])

    def _photo(self, path: Path) -> Array:
        with self._lock:
            if path in self._kept:
                self._kept.move_to_end(path)
                return self._kept[path]
        photo = read_image(path)
        short = min(photo.shape[:2])
        photo = photo[: SLIMMEST * short, : SLIMMEST * short]
        height, width = photo.shape[:2]
        if short != (wanted := min(max(short, self.crop), round(LARGEST * self.crop))):
            size = max(1, round(height * wanted / short)), max(1, round(width * wanted / short))
            photo = resize(photo, size=size)
        small = to_uint8(photo)
        with self._lock:
            if path not in self._kept:
                self._kept[path] = small
                self._bytes += small.nbytes
            while self._bytes > CACHE_BYTES and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return small


TONE_SIDE = 8
"""Side in pixels of the blocks whose mean colours are held: finer, it is the style that paints."""

STEEPEST = 2.0
"""No colour direction of a crop is stretched by more on its way to the style's colours: flat ones would show noise."""


class StyleLoss:
    """How far restyled crops are from the style's textures and from their photos' content.

    Args:
        features: the network that sees.
        style: `[h, w, 3]` in [0, 1].
        config: weights, and the size of the style.
    """

    def __init__(self, features: Features, style: Array, config: FastConfig) -> None:
        self.features, self.config = features, config
        small = resize(style, size=fit_long_side(style.shape[0], style.shape[1], config.style_size))
        device = next(features.parameters()).device
        with torch.no_grad():
            picture = torch.from_numpy(small).permute(2, 0, 1)[None].to(device)
            self.grams = {layer: grams_of(found) for layer, found in features(picture, STYLE_LAYERS).items()}
        self.colours = colour_statistics(small.reshape(-1, 3))

    def __call__(self, restyled: Tensor, photos: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The weighted loss, and its terms without weights.

        Args:
            restyled, photos: `[N, 3, H, W]` in [0, 1].
        """
        with torch.no_grad():
            goal = self.recoloured(photos)
            wanted = self.features(goal, [CONTENT_LAYER])[CONTENT_LAYER]
        found = self.features(restyled, [*STYLE_LAYERS, CONTENT_LAYER])
        content = (found[CONTENT_LAYER] - wanted).square().mean() / wanted.square().mean().clamp_min(1e-12)
        style = sum(
            (
                (grams_of(found[layer]) - gram).square().mean() / gram.square().mean().clamp_min(1e-12)
                for layer, gram in self.grams.items()
            ),
            restyled.new_zeros(()),
        ) / len(self.grams)
        smoothness = restyled.diff(dim=3).square().mean() + restyled.diff(dim=2).square().mean()
        tone = avg_pool2d(restyled - goal, TONE_SIDE).square().mean()
        terms = {"content": content, "style": style, "tone": tone, "smoothness": smoothness}
        weights = self.config
        loss = torch.stack([getattr(weights, f"{name}_weight") * value for name, value in terms.items()]).sum()
        return loss, {name: float(value.detach()) for name, value in terms.items()}

    def recoloured(self, photos: Tensor) -> Tensor:
        """Each photo `[3, H, W]` of a batch in the colours of the style."""
        made = []
        for photo in photos:
            pixels = photo.permute(1, 2, 0).reshape(-1, 3).cpu().numpy()
            affine = transport_map(colour_statistics(pixels), self.colours, steepest=STEEPEST)
            matrix = torch.from_numpy(affine.astype(np.float32)).to(photo)
            made.append(torch.einsum("ij,jhw->ihw", matrix[:, :3], photo) + matrix[:, 3, None, None])
        return torch.stack(made).clamp(0, 1)


def grams_of(features: Tensor) -> Tensor:
    """Gram matrices `[N, C, C]` of features `[N, C, H, W]`, over C times H times W."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat[0].numel()


class FastTrainer:
    """One process of a training run.

    Args:
        style: `[h, w, 3]` float32 in [0, 1].
        photos: paths of the photos.
        features: the network that sees, from `load_features`.
        config: how to train.
        device: where to.
        rank, world: this process and how many there are; with more than one, torch.distributed must be initialised.

    Raises:
        InputError: no photos.
    """

    def __init__(
        self,
        style: Array,
        photos: Sequence[Path],
        features: Features,
        config: FastConfig,
        device: torch.device,
        *,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.config, self.device, self.rank, self.world = config, device, rank, world
        self.photos = Photos(photos, config.crop, config.seed)
        self.loss = StyleLoss(features.to(device), style, config)
        torch.manual_seed(config.seed)
        self.model = TransformNetwork(johnson(config.filters, config.residuals)).to(device)
        self.network: nn.Module = self.model
        if world > 1:
            ids = [device.index] if device.type == "cuda" else None
            self.network = nn.parallel.DistributedDataParallel(self.model, device_ids=ids)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=config.rate, betas=(0.9, 0.99))
        self.step, self.failures = 0, 0
        self.seconds = 0.0
        self.terms: dict[str, float] = {}

    def _batch(self, step: int) -> Tensor:
        """The crops of a step depend on the step alone, so a resumed run sees what an unbroken one would."""
        first = (step * self.world + self.rank) * self.config.batch
        return self.photos.batch(range(first, first + self.config.batch))

    def _rate(self, step: int) -> float:
        warm = max(1, self.config.steps // 50)
        if step < warm:
            return self.config.rate * (step + 1) / warm
        progress = (step - warm) / max(1, self.config.steps - warm)
        return self.config.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))

    def run(self, *, stop: int | None = None) -> Iterator[float]:
        """Trains up to step `stop` (default: all), yielding the loss of each step. Stop iterating to pause.

        Raises:
            InputError: no photo can be read.
            NumericalError: the loss stopped being finite, and did not recover.
        """
        stop = self.config.steps if stop is None else min(stop, self.config.steps)
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(self._batch, self.step)
            while self.step < stop:
                began = time.perf_counter()
                photos = pending.result().to(self.device)
                if self.step + 1 < stop:
                    pending = pool.submit(self._batch, self.step + 1)
                for group in self.optimiser.param_groups:
                    group["lr"] = self._rate(self.step)
                loss, self.terms = self.loss(self.network(photos), photos)
                self.optimiser.zero_grad(set_to_none=True)
                loss.backward()
                norm = nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
                self.step += 1
                value = float(loss.detach())
                if bool(norm.isfinite()):  # of the mean gradient: all processes decide alike
                    self.optimiser.step()
                else:
                    self.failures += 1
                    if self.failures > FAILURES:
                        raise NumericalError(
                            f"the loss stopped being finite at step {self.step} and did not recover",
                            hint="Try a lower --rate or --style-weight.",
                        )
                self.seconds += time.perf_counter() - began
                yield value

    def save_checkpoint(self, path: Path) -> None:
        """Writes model, optimiser and progress, whole or not at all."""
        notes = {"step": self.step, "seconds": self.seconds, "run": self._run()}
        write_checkpoint(path, self.model, self.optimiser, {"fast": json.dumps(notes)})

    def load_checkpoint(self, path: Path) -> None:
        """Goes on from a checkpoint of the same run.

        Raises:
            ModelError: not a checkpoint, or of another run; the message says what differs.
        """
        try:
            tensors, meta = read_checkpoint(path)
            notes = json.loads(meta["fast"])
            step, seconds, run = int(notes["step"]), float(notes["seconds"]), dict(notes["run"])
        except (CheckpointError, KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise ModelError(f"{path}: not a checkpoint of this training") from error
        if differing := [name for name, value in self._run().items() if not _same(name, run.get(name), value)]:
            raise ModelError(f"{path}: belongs to another run (differs in {', '.join(differing)})")
        try:
            restore(self.model, self.optimiser, tensors)
        except CheckpointError as error:
            raise ModelError(f"{path}: does not fit this network ({error})") from error
        self.step, self.seconds = step, seconds

    def _run(self) -> dict[str, object]:
        """What must be the same for a run to go on."""
        config = {name: value for name, value in asdict(self.config).items() if name != "device"}
        grams = sum(float(gram.square().sum()) for gram in self.loss.grams.values())
        return {**config, "world": self.world, "photos": len(self.photos.paths), "style": grams}


def _same(name: str, theirs: object, ours: object) -> bool:
    if name == "style" and isinstance(theirs, float) and isinstance(ours, float):
        return math.isclose(theirs, ours, rel_tol=0.01)  # a GPU rounds convolutions to ten bits
    return theirs == ours
