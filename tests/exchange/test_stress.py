"""The stress of benchmarks/exchange.py on a small scale: killed, abused, and nothing acknowledged is lost."""

from benchmarks import exchange
from benchmarks.exchange import Outcome, Plan
from tests.exchange.peers import needs


@needs("storescu", "storescp")
def test_every_film_that_was_answered_with_success_is_there_once_whatever_is_done_to_the_listener(tmp_path):
    outcome = Outcome()
    plan = Plan(instances=100, kill_seconds=0.5, pixels=256)
    listening, films = exchange.under_kills(plan, tmp_path, outcome)
    exchange.steady(plan, listening, films[:20], outcome)
    assert len(outcome.acknowledged) == 100
    assert outcome.kills >= 1
    assert (outcome.missing, outcome.twice, outcome.damaged, outcome.rows) == (0, 0, 0, 100)
    assert all(outcome.abuse[name] for name in exchange.UNKIND)
    assert outcome.memory_mb[-1] < outcome.memory_mb[0] + 50  # a film held back would show: all of them are 13 MB
    log = (tmp_path / "listen.log").read_text()
    assert "announced a PDU of 2000000000 bytes" in log
    assert "PHANTOM" not in log and exchange._PREFIX not in log


@needs("storescu", "storescp")
def test_the_count_finds_a_film_that_is_missing_or_damaged(tmp_path):
    """The judge is judged: without it the test above would prove nothing."""
    outcome = Outcome()
    exchange.under_kills(Plan(instances=8, kill_seconds=60, pixels=64), tmp_path, outcome)
    films = sorted((tmp_path / "films").iterdir())
    kept = sorted(path for path in (tmp_path / "data" / "films").rglob("*") if path.is_file())
    kept[0].write_bytes(b"damaged")
    exchange.write_films(tmp_path / "films", 9, 64, seed=1)
    outcome.acknowledged.add("1-00008.dcm")
    exchange.count(sorted((tmp_path / "films").iterdir()), tmp_path, outcome)
    assert len(films) == 8
    assert (outcome.missing, outcome.damaged) == (1, 1)
    assert not outcome.sound
