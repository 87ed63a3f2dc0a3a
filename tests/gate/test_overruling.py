"""A refused picture is kept, and a person's word has it screened, on record."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from cxr_core.__main__ import main
from cxr_core.errors import RecordError, StoreError
from cxr_core.intake import overrule, take_in
from cxr_core.pipeline import Screener
from cxr_core.read.sources import InputFile
from cxr_core.records import INFORMS, ImageFacts, Notice, Screening
from cxr_core.settings import Settings
from cxr_core.store import Store
from cxr_core.triage import assess
from tests.fakes import covid, nih
from tests.read.films import dicom, film

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LATERAL = dicom(film(), ViewPosition="LL")


@pytest.fixture
def site(tmp_path):
    settings = Settings(data_dir=tmp_path / "data")
    store = Store(settings)
    yield Screener(settings, [covid(), nih()]), store
    store.close()


def taken(site, data=LATERAL, at=NOON):
    screener, store = site
    (arrival,) = take_in([InputFile("a.dcm", lambda: data)], screener, store, received_at=at)
    return arrival.entry


def test_a_refused_film_is_kept_with_its_bytes_and_its_size(site):
    entry = taken(site)
    assert (entry.screening.status, entry.screening.refusal.code) == ("refused", "lateral_view")
    assert (entry.screening.image.width, entry.screening.image.height) == (80, 96)
    assert site[1].film(entry.key) == LATERAL


def test_overruled_it_is_screened_in_its_place_with_a_warning_that_stays(site):
    screener, store = site
    entry = taken(site)
    taken(site, dicom(film(2)), NOON + timedelta(hours=1))
    again = overrule(entry.key, "lateral_view", screener, store)
    assert again.screening.status == "screened"
    assert [notice.code for notice in again.screening.warnings] == ["overridden"]
    assert again.received_at == NOON
    assert next(item.key for item in store.entries()) == entry.key
    (kept,) = store.overrides(entry.key)
    assert kept.code == "lateral_view"
    assert abs(kept.created_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert taken(site).screening.warnings == again.screening.warnings, "sent again, it is known"


def test_overruling_twice_keeps_the_first_time(site):
    screener, store = site
    entry = taken(site)
    store.overrule(entry.key, "lateral_view", NOON)
    overrule(entry.key, "lateral_view", screener, store)
    assert [item.created_at for item in store.overrides(entry.key)] == [NOON]


@pytest.mark.parametrize(
    ("key", "code", "error"), [("", "damaged_image", RecordError), ("0" * 64, "lateral_view", StoreError)]
)
def test_what_cannot_be_overruled_is_an_error(site, key, code, error):
    entry = taken(site)
    with pytest.raises(error):
        overrule(key or entry.key, code, *site)
    assert site[1].overrides(entry.key) == ()


def test_a_forgotten_image_takes_its_overruling_along(site):
    entry = taken(site)
    site[1].overrule(entry.key, "lateral_view")
    site[1].purge(entry.key)
    assert site[1].overruled(entry.key) == frozenset()
    with pytest.raises(StoreError):
        site[1].overrule(entry.key, "lateral_view")


def test_a_film_screened_anew_gets_new_pictures(site):
    entry = taken(site)
    made = site[1].cache_path(entry.key, "thumb1.jpg")
    made.write_bytes(b"old")
    overrule(entry.key, "lateral_view", *site)
    assert not made.exists()


@pytest.mark.parametrize(("asked", "status"), [([], "refused"), (["--override", "lateral_view"], "screened")])
def test_the_command_line_overrules_for_a_whole_run(tmp_path, capsys, asked, status):
    (tmp_path / "a.dcm").write_bytes(LATERAL)
    code = main(
        ["screen", str(tmp_path), "--jsonl", str(tmp_path.parent / f"{status}.jsonl"), *asked],
        lambda settings: Screener(settings, [covid(), nih()]),
    )
    (line,) = map(json.loads, (tmp_path.parent / f"{status}.jsonl").read_text().splitlines())
    assert (line["status"], code) == (status, 0 if asked else 1)
    assert [item["code"] for item in line["warnings"]] == (["overridden"] if asked else [])
    assert "not checked" in capsys.readouterr().err


def test_a_code_that_is_none_of_the_gate_s_is_misuse(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["screen", str(tmp_path), "--override", "too_small"])
    assert "not_a_chest_radiograph" in capsys.readouterr().err


@pytest.mark.parametrize(("code", "lane"), [("unlike_films", "check"), *((code, "routine") for code in INFORMS)])
def test_a_warning_that_only_informs_moves_no_film(code, lane):
    facts = ImageFacts(9, 9, None, "png")
    scores = dict.fromkeys(("COVID-19",), 0.1) | dict.fromkeys(
        ("Atelectasis", "Cardiomegaly", "Effusion", "Infiltrate", "Mass", "Nodule", "Pneumonia", "Pneumothorax"), 0.1
    )
    screening = Screening("a", "", "screened", warnings=(Notice(code, "x."),), image=facts, scores=scores)
    said = assess(screening, dict.fromkeys(scores, 0.5), dict.fromkeys(scores, "soon"))
    assert said.urgency == lane
    assert any("Doubtful" in reason for reason in said.reasons) == (lane == "check")
