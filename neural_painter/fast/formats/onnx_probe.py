"""Runs an ONNX model once in a process of its own: OpenCV dies of some graphs, and some never end or eat the memory."""

from __future__ import annotations

import subprocess
import sys

SECONDS = 120
"""For a small picture; a machine that needs longer could not run it on a photo."""

MEMORY = 4 * 2**30
"""Bytes that the process may take beside what it begins with; a small picture needs a fraction."""

OUT_OF_MEMORY = 3
"""How the process leaves where that was not enough."""

PROGRAM = """
import sys
from contextlib import suppress
import cv2
import numpy as np
memory, *shape = (int(word) for word in sys.argv[1:])
with suppress(ImportError, OSError, ValueError):
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/statm") as statm:
        memory += int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
try:
    net = cv2.dnn.readNetFromONNX(np.frombuffer(sys.stdin.buffer.read(), np.uint8))
    net.setInput(np.full(shape, 0.5, np.float32))
    net.forward()
except cv2.error as error:
    sys.exit(3 if error.code == cv2.Error.StsNoMem or "bad_alloc" in str(error) else 0)
except MemoryError:
    sys.exit(3)
"""


def trouble(data: bytes, shape: tuple[int, ...]) -> str | None:
    """What becomes of OpenCV when it runs a model: None where it comes back, even if it has refused it.

    None as well where no process can be started.

    Args:
        data: ONNX of a fixed size.
        shape: of the tensor that it takes.

    Returns:
        The end of a sentence that begins with `OpenCV`.
    """
    # -P: files of the current folder must not pass for modules.
    command = [sys.executable, "-P", "-c", PROGRAM, str(MEMORY), *(str(side) for side in shape)]
    try:
        done = subprocess.run(
            command, input=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"does not finish it in {SECONDS:g} s"
    except OSError:
        return None
    if done.returncode == OUT_OF_MEMORY:
        return f"needs more than {MEMORY / 2**30:.3g} GiB of memory for a small picture"
    return "crashes on it" if done.returncode else None
