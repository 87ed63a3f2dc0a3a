"""kill -9, several times over: a batch run loses no file, repeats none, and ends as if it had never been killed."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from cxr_core.__main__ import main
from cxr_core.pipeline import Screener
from tests.fakes import BrightnessNetwork, covid, film, nih

ROOT = Path(__file__).resolve().parent.parent
FILMS, COPIES, BROKEN = 240, 6, 5
KILLS = (1, 25, 60, 40)
"""How many further images are finished when each kill comes: the first one as soon as anything is written."""

SCREENS = """
import os, sys, time
sys.path.insert(0, {root!r})
from cxr_core.__main__ import main
from cxr_core.pipeline import Screener
from tests.fakes import BrightnessNetwork, covid, nih

class Counted(BrightnessNetwork):
    def run(self, batch):
        time.sleep(0.004 * len(batch))
        os.write(asked, b"." * len(batch))
        return super().run(batch)

asked = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
sys.exit(main(sys.argv[1:], lambda settings: Screener(settings, [covid(Counted(1)), nih()])))
"""


@pytest.fixture
def ward(tmp_path) -> Path:
    """Tiny films, some of them twice, some unreadable, some in an archive."""
    folder = tmp_path / "ward"
    folder.mkdir()
    pictures = [film(80 + number % 170, height=64 + number // 170, width=64) for number in range(FILMS)]
    for number, data in enumerate(pictures[20:]):
        (folder / f"film-{number:03d}.png").write_bytes(data)
    for number in range(COPIES):
        (folder / f"again-{number}.png").write_bytes(pictures[30 * (number + 1)])
    for number in range(BROKEN):
        (folder / f"broken-{number}.dcm").write_text(f"no film {number}")
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        for number, data in enumerate(pictures[:20]):
            archive.writestr(f"film-{number}.png", data)
    return folder


def _written(part: Path) -> list[dict]:
    """The whole lines of a journal."""
    text = part.read_bytes() if part.exists() else b""
    return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines() if line.endswith(b"}")]


def _killed(ward: Path, out: Path, asked: Path, more: int) -> None:
    """One start of the command, killed once it has finished ``more`` further images."""
    part = out.with_name(out.name + ".part")
    before = len(_written(part))
    script = SCREENS.format(root=str(ROOT))
    command = [sys.executable, "-c", script, str(asked), "screen", str(ward), "--jsonl", str(out)]
    process = subprocess.Popen(command, env=os.environ | {"CXR_BATCH_SIZE": "4"}, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while part.exists() is False or part.read_bytes().count(b"\n") < before + more:
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_run_that_is_killed_again_and_again_ends_as_if_never_killed(ward, tmp_path):
    out, asked, calm = tmp_path / "out", tmp_path / "asked", tmp_path / "calm"
    for more in KILLS:
        _killed(ward, out, asked, more)
        assert not out.exists(), "the output is written whole or not at all"
    finished = _written(tmp_path / "out.part")
    assert sum(KILLS) <= len(finished) < FILMS
    assert set(Counter(line["screening"]["sha256"] for line in finished).values()) == {1}, "none was done twice"

    network = BrightnessNetwork(1)
    arguments = ["screen", str(ward), "--jsonl"]
    assert main([*arguments, str(out)], lambda s: Screener(s, [covid(network), nih()])) == 0
    assert main([*arguments, str(calm)], lambda s: Screener(s, [covid(), nih()])) == 0
    assert not (tmp_path / "out.part").exists()
    screened = sum(line["screening"]["status"] == "screened" for line in finished)
    assert sum(network.batches) == FILMS - screened, "only what was left is screened"
    # What a kill costs: the films that were in the networks, or answered and not yet written down.
    assert asked.stat().st_size - screened <= len(KILLS) * 4 * 4

    def told(path: Path) -> list[dict]:
        return [json.loads(line) | {"seconds": None} for line in path.read_text().splitlines()]

    assert told(out) == told(calm)
    assert len(told(out)) == FILMS + COPIES + BROKEN


def test_a_kill_between_the_last_image_and_the_output_costs_nothing(ward, tmp_path):
    """The journal is whole, the output is not there yet."""
    out, network = tmp_path / "out", BrightnessNetwork(1)
    (tmp_path / ".out.whole").mkdir()  # in the way of the output
    arguments = ["screen", str(ward), "--jsonl", str(out)]
    assert main(arguments, lambda s: Screener(s, [covid(), nih()])) == 1
    assert len(_written(tmp_path / "out.part")) == FILMS + BROKEN
    (tmp_path / ".out.whole").rmdir()
    assert main(arguments, lambda s: Screener(s, [covid(network), nih()])) == 0
    assert network.batches == []
    assert len(out.read_text().splitlines()) == FILMS + COPIES + BROKEN
