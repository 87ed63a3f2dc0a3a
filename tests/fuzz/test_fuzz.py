"""The fuzzing itself: mutations take any bytes, and whatever kills, holds up or fills a reading process is named."""

import random
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_core.read import read
from tests.fuzz.__main__ import Pool, fuzz, is_find, small, summary
from tests.fuzz.mutate import fitting, spoil
from tests.fuzz.seeds import seeds
from tests.fuzz.worker import SETTINGS

# Answers as tests.fuzz.worker does, but dies, sleeps, works for ever, grows or raises when the bytes say so.
PRETENDER = """
import json, os, struct, sys, time
print("ready", flush=True)
peak = 100
while len(head := sys.stdin.buffer.read(4)) == 4:
    data = sys.stdin.buffer.read(struct.unpack("<I", head)[0])
    if b"die" in data: os.kill(os.getpid(), 11)
    if b"leave" in data: os._exit(3)
    if b"sleep" in data: time.sleep(60)
    while b"spin" in data: pass
    if b"grow" in data: peak += 5000
    told = "raised ValueError" if b"raise" in data else "read"
    print(json.dumps({"outcomes": [told], "seconds": 9.0 if b"slow" in data else 0.0, "peak": peak}), flush=True)
"""


@pytest.fixture
def pool():
    made = Pool((sys.executable, "-c", PRETENDER), seconds=0.5)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"a film", "read"),
        (b"die", "crash (signal 11)"),
        (b"leave", "crash (exit 3)"),
        (b"spin", "hang"),
        (b"grow", "memory"),
        (b"slow", "slow"),
        (b"raise", "raised ValueError"),
    ],
)
def test_what_a_file_does_to_its_process_is_named_and_the_next_is_read(pool, data, named):
    assert pool.outcome(data) == named
    assert is_find(named) == (named != "read")
    assert pool.outcome(b"another film") == "read"


def test_a_file_over_which_a_process_sleeps_is_a_hang():
    pool = Pool((sys.executable, "-c", PRETENDER), wall=2.0)
    pool.outcome(b"a film")  # waits for the process to start
    assert pool.outcome(b"sleep") == "hang"
    pool.close()


def test_a_find_is_made_small(pool):
    assert small(pool, b"." * 300 + b"die" + b"." * 300, "crash (signal 11)").count(b".") < 60


@pytest.mark.parametrize("name", seeds())
def test_a_seed_is_a_whole_film(name):
    data = seeds()[name]
    if not name.startswith("zip"):
        assert read(data, name, SETTINGS).pixels.shape == (80, 72)


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32), data=st.binary(max_size=300) | st.sampled_from(sorted(seeds().values())))
def test_every_mutation_takes_any_bytes(seed, data):
    rng = random.Random(seed)
    for mutation in fitting(data):
        assert isinstance(mutation(rng, data), bytes)
    assert spoil(random.Random(seed), data) == spoil(random.Random(seed), data), "the same seed, the same file"


def test_a_short_run_finds_nothing_and_says_what_it_did(tmp_path):
    counts, finds = fuzz(0.05, 7, tmp_path / "finds")
    assert not finds, f"kept: {[path.name for path in (tmp_path / 'finds').glob('*')]}"
    assert sum(counts.values()) > 0
    told = summary(counts, finds, 0.05, 7)
    assert f"{sum(counts.values()):,} files in 0.05 minutes (seed 7), 0 finds." in told
