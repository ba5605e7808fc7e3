"""What every benchmark shares: timing with a warm-up, and a JSON report that says on what it was measured.

Loads neither torch nor numba, so that a benchmark can set how their threads wait before it imports them.
"""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("torch", "numpy", "numba", "opencv-python", "opencv-python-headless", "triton")


def time_calls(call: Callable[[], Any], *, repeats: int, warm_up: int) -> list[float]:
    """Seconds that each of `repeats` calls takes, after `warm_up` calls that are not counted."""
    for _ in range(warm_up):
        call()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds


def summarise(seconds: Sequence[float]) -> dict[str, float | int]:
    """Median and spread (quartiles, least and most) of some timings, in seconds."""
    low, _, high = quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else [seconds[0]] * 3
    values = {
        "median_s": median(seconds),
        "quartile_low_s": low,
        "quartile_high_s": high,
        "least_s": min(seconds),
        "most_s": max(seconds),
    }
    return {**{name: float(f"{value:.4g}") for name, value in values.items()}, "repeats": len(seconds)}


def machine() -> dict[str, Any]:
    """Processor, cores and system; nothing that tells whose machine it is."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def write(name: str, rows: list[dict[str, Any]], **extra: Any) -> Path:
    """Writes `benchmarks/results/NAME.json`: the rows, what they were measured on, and whatever else is given.

    Args:
        name: of the benchmark; the file's name without its ending.
        rows: one per measurement, as they are to be read in a table.
        extra: threads, seed, device and the like, beside the rows.

    Returns:
        The file.
    """
    report = {
        "benchmark": name,
        **extra,
        "machine": MACHINE,
        "commit": commit(),
        "versions": _versions(),
        "rows": rows,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown"


def commit(tree: Path = ROOT) -> str:
    """The commit that is checked out, marked where files differ from it."""
    try:
        changed = _git(tree, "status", "--porcelain", "-uno")
        return _git(tree, "rev-parse", "--short=12", "HEAD") + ("-modified" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(tree: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=tree, capture_output=True, text=True, check=True).stdout.strip()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


MACHINE = machine()
"""Taken before anything is measured: the load is then that of other programs."""
