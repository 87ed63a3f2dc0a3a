"""The operations page: figures of the work, drift, agreement, the audit trail; each empty, full and broken."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import text

from cxr_core.drift import Reference
from cxr_core.operations import bins
from cxr_core.queueing import Terms, Worklist
from cxr_core.records import (
    COVID,
    LABELS,
    BlindRead,
    FindingReview,
    ImageFacts,
    ModelRef,
    OperatingPoint,
    Review,
    Screening,
)
from cxr_core.store.operations import Reasons, Screened
from tests import fakes
from tests.app.conftest import open_page, words
from ui import drift_view, operations_data, operations_plots, operations_view, state
from ui.operations_view import Work

PAGE = "pages/5_Operations.py"
AT = datetime.now(UTC)
CURVES = {
    "confusion": {
        COVID: {
            "sensitive": {"tp": 95, "fn": 5, "fp": 300, "tn": 600},
            "balanced": {"tp": 80, "fn": 20, "fp": 100, "tn": 800},
        }
    }
}


def alts(app) -> str:
    return "\n".join(item.proto.alt for item in app.get("plotly_chart"))


def choose(app, key, value):
    next(group for group in app.get("button_group") if group.key == key).set_value(value)
    return app.run()


def say(key: str, *seen: str) -> None:
    """A blind read, and a verdict with the answer in sight."""
    verdict = (FindingReview("Mass", "disagree", None),)
    review = Review("disagree", "Zebedee", AT, verdict, reader="Dr Who", role="resident", blind=BlindRead((), seen, AT))
    state.store().save_review(key, review)


def test_before_any_film_it_says_what_it_will_show_and_the_trail_is_there(models):
    app = open_page(PAGE)
    assert not app.exception
    text_ = words(app)
    assert "Nothing has been screened yet" in text_
    assert "Audit trail" in text_
    assert "Retention and erasure" in text_


def test_the_figures_are_those_of_the_store(stored):
    stored({"bright.png": 250, "dim.png": 100, "broken.png": b"none"})
    app = open_page(PAGE)
    assert not app.exception
    text_ = words(app)
    assert "<b>3</b> looked at in this period" in text_
    assert "<b>1 (33.3%)</b> refused" in text_
    assert "<b>1</b> flagged" in text_
    assert "<b>3</b> waiting for a reader" in text_
    assert "2 screened, 1 refused" in alts(app)
    assert "not_an_image 1" in alts(app)
    assert "of 2 films: COVID-19 1, Atelectasis 1" in alts(app)


def test_generated_films_count_only_if_asked_for_unless_there_are_no_others(stored):
    stored({"phantom.png": 250}, synthetic=True)
    assert "<b>1</b> looked at" in words(open_page(PAGE))
    stored({"real.png": 240})
    operations_data.forget()
    app = open_page(PAGE)
    assert "<b>1</b> looked at" in words(app)
    next(item for item in app.toggle if item.key == "ops-generated").set_value(True)
    app.run()
    assert "<b>2</b> looked at" in words(app)


@pytest.mark.parametrize("period", ["24 hours", "7 days", "a year", "all"])
def test_every_period_is_drawn(stored, period):
    stored({"bright.png": 250})
    app = choose(open_page(PAGE), "ops-period", period)
    assert not app.exception
    assert "<b>1</b> looked at" in words(app)


def test_agreement_is_shown_for_blind_readers_and_apart_for_the_others(stored):
    keys = stored({"bright.png": 250, "dim.png": 100})
    app = open_page(PAGE)
    assert "Nobody has read blind yet" in words(app)
    say(keys["bright.png"], "Mass")
    say(keys["dim.png"])
    operations_data.forget()
    app = open_page(PAGE)
    assert not app.exception
    text_ = words(app)
    assert (
        '<th scope="row">Mass</th><td>2</td><td>1</td><td>0</td><td>0</td><td>1</td><td>1.00 (1.00 to 1.00)</td>'
        in text_
    )
    assert "With fewer than 30 films an interval is a rough guess" in text_
    assert "Who has seen an answer tends to follow it" in text_
    assert text_.count("Dr Who") == text_.count("<td>Dr Who</td>") == 2, "in the trail alone: the rest is about models"
    assert "Zebedee" not in text_


def test_the_trail_is_searched_and_its_chain_is_verified(stored):
    keys = stored({"bright.png": 250, "dim.png": 100})
    say(keys["bright.png"], "Mass")
    app = open_page(PAGE)
    text_ = words(app)
    assert "The chain holds from the first to row" in text_
    assert text_.count("<td>screened</td>") == 2
    next(item for item in app.selectbox if item.key == "audit-action").set_value("reviewed")
    app.run()
    assert words(app).count("<td>reviewed</td>") == 1
    assert "<td>screened</td>" not in words(app)
    next(item for item in app.text_input if item.key == "audit-subject").set_value("nothing begins so")
    app.run()
    assert not app.exception
    assert "No row fits." in words(app)


def test_days_of_the_trail_are_those_of_the_clock_on_the_wall(stored):
    stored({"bright.png": 250})
    app = open_page(PAGE)
    today = datetime.now().astimezone().date()
    app.date_input[0].set_value((today, today))
    app.run()
    assert "<td>screened</td>" in words(app)
    app.date_input[0].set_value((today - timedelta(days=3), today - timedelta(days=2)))
    app.run()
    assert not app.exception
    assert "No row fits." in words(app)


def test_a_broken_chain_is_said(stored):
    stored({"bright.png": 250, "dim.png": 100})

    def tamper(session):
        session.execute(text("DROP TRIGGER audit_no_update"))
        session.execute(text("UPDATE audit SET actor = 'somebody else' WHERE seq = 1"))

    state.store()._database.write(tamper)
    app = open_page(PAGE)
    assert not app.exception
    assert "The chain is broken at row 1: what it says was changed after it was written" in words(app)


def test_a_broken_site_file_is_said_and_the_rest_goes_on(stored, tmp_path, monkeypatch):
    site = tmp_path / "site.toml"
    site.write_text("[triage\n", encoding="utf-8")
    monkeypatch.setenv("CXR_SITE_FILE", str(site))
    stored({"bright.png": 250})
    app = open_page(PAGE)
    assert not app.exception
    text_ = words(app)
    assert "The site file cannot be used" in text_
    assert "nothing is erased until they are put right" in text_
    assert "looked at in this period" in text_


def test_without_a_reference_on_any_card_drift_says_so(stored):
    stored({"bright.png": 250})
    assert "No card holds a reference" in words(open_page(PAGE))


# The parts, with figures made by hand --------------------------------------------------------------------------------


def put(count: int, *, score: float, days: float) -> None:
    """Films of about one score, that came some days ago."""
    store = state.store()
    refs = tuple(card.ref() for card in state.screener().cards)
    for number in range(count):
        digest = f"{round(1000 * score):016x}{round(1000 * days):016x}{number:032x}"
        screening = Screening(
            "a.png", digest, "screened", image=ImageFacts(10, 10, "PA", "png"), models=refs,
            scores=dict.fromkeys(LABELS, score + number / 1000),
        )  # fmt: skip
        store.save(screening, AT - timedelta(days=days))


def carded():
    """A card that was measured."""
    points = {"sensitive": OperatingPoint(0.2), "balanced": OperatingPoint(0.6)}
    made = fakes.card("covid_ssd", [COVID])
    return replace(made, labels=(replace(made.labels[0], operating_points=points),), curves=CURVES)


def work(models, *, days=7, generated=True) -> Work:
    terms = Terms(dict.fromkeys(LABELS, 0.6), models.urgencies)
    queue = Worklist(state.store()).queue(terms, models.models_key, AT)
    return Work(
        queue, state.store().screened_since(), Reasons(), state.store().stage_seconds(), AT - timedelta(days=days),
        AT + timedelta(minutes=1), timedelta(), generated,
    )  # fmt: skip


def test_drift_is_told_against_the_card_and_against_the_sites_own_films(models, monkeypatch):
    monkeypatch.setattr(drift_view, "_LEAST_OWN", 40)
    put(40, score=0.1, days=20)
    put(40, score=0.9, days=1)
    (row,) = drift_view.rows(work(models), [carded()], {COVID: 0.1})
    assert row.counts.tolist() == [0, 0, 40]
    assert (row.against_card.verdict, row.against_card.films) == ("far", 40)
    assert row.against_card.prevalence == 0.1
    assert not row.against_card.fitted
    assert row.own.verdict == "far"


def test_few_earlier_films_are_no_reference_and_other_models_films_do_not_count(models):
    put(10, score=0.1, days=20)
    other = Screening(
        "b.png", "ef" * 32, "screened", image=ImageFacts(10, 10, "PA", "png"),
        models=(ModelRef("covid_ssd", "0", "99" * 32),), scores=dict.fromkeys(LABELS, 0.9),
    )  # fmt: skip
    state.store().save(other, AT)
    (row,) = drift_view.rows(work(models), [carded()], {})
    assert row.own is None
    assert row.counts.sum() == 0
    assert row.against_card.verdict == "too few"


def test_bins_are_said_in_words():
    held = Reference(np.array([0.2, 0.6]), np.ones(3), np.ones(3), "scores")
    assert drift_view._parts(held) == ["below 0.200", "0.200 to 0.600", "0.600 and above"]
    assert drift_view._parts(Reference(np.zeros(0), np.ones(1), np.ones(1), "scores")) == ["all"]


def test_an_hour_without_a_film_is_a_gap_and_not_a_zero():
    span = bins(AT, AT + timedelta(days=2))
    shares = np.full((len(span.starts), 9), np.nan)
    shares[0] = 0.5
    figure = operations_plots.flags(span, shares, LABELS)
    assert [trace.name for trace in figure.data] == list(LABELS)
    assert figure.data[0].connectgaps is False
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 9


def test_the_most_frequent_reason_stands_on_top_and_many_are_cut():
    figure = operations_plots.reasons({f"code_{number}": number for number in range(1, 30)})
    assert figure.data[0].y[0] == "code_29"
    assert len(figure.data[0].y) == 12


def test_a_period_without_films_is_said(models):
    put(3, score=0.9, days=20)
    shown = work(models)
    assert not shown.chosen.any()
    assert isinstance(shown.screened, Screened)
    assert operations_view.PERIODS["all"] == 0
