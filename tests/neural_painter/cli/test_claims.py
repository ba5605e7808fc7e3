"""One run at a time for each output."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neural_painter.cli.claims import Claim
from neural_painter.errors import OutputError

HOLDER = """
import sys
from pathlib import Path
from neural_painter.cli.claims import Claim
with Claim(Path("cat.png")):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_second_is_refused_and_nothing_stays(here):
    Path("link.png").symlink_to("cat.png")
    with Claim(Path("cat.png")), Claim(Path("dog.png")):
        for name in ("cat.png", "./cat.png", "link.png"):
            with pytest.raises(OutputError, match=f"{Path(name)}: another run is writing it"), Claim(Path(name)):
                pass
    assert [path.name for path in Path().iterdir()] == ["link.png"]
    with Claim(Path("cat.png")):
        pass


def test_another_process_holds_it_until_it_dies_in_whatever_way(here):
    root = str(Path(__file__).parents[3])
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(OutputError, match="another run"), Claim(Path("cat.png")):
        pass
    holder.kill()
    holder.communicate()
    assert len(list(Path().iterdir())) == 1  # an empty file, free again
    with Claim(Path("cat.png")):
        pass
    assert list(Path().iterdir()) == []


def test_a_place_that_cannot_be_written_is_found_before_the_work(here):
    for place in ("/proc/cat.png", "no/cat.png"):
        with pytest.raises(OutputError, match=f"{place}: cannot be written"), Claim(Path(place)):
            pass
