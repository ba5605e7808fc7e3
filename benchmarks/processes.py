"""Programs in a process of their own: what they print, how long they take, how much memory."""

import os
import subprocess
import sys
import time

from benchmarks.report import ROOT


def run_measured(words):
    """Runs a program: what it printed, its exit status, seconds, and peak resident memory in bytes."""
    began = time.perf_counter()
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    printed = process.stdout.read()
    # Not RUSAGE_CHILDREN, which is the most that any child so far has held.
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for it again
    return printed, process.returncode, seconds, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
