"""Two sessions at one film, a removed film, a database that is away: said clearly, nothing lost or overwritten."""

from dataclasses import replace

import pytest

from cxr_core.errors import StoreError
from tests.app.conftest import component, open_page, words
from tests.app.test_review import PAGE, button, kept, name, say, shown
from tests.fakes import say as another_says
from ui import state


@pytest.fixture
def film(stored):
    return stored({"high.png": 250})["high.png"]


def status(app, label):
    (row,) = [row for row in component(app, "cxr_findings")["rows"] if row["label"] == label]
    return row["status"]


def conflicted(film):
    """Another session signs between this page's drawing and its reader's word."""
    app = name(open_page(PAGE), "Dr Mine")
    another_says(state.store(), film, "agree", "all as flagged", reader="Dr Roe", role="radiologist")
    say(app, what="finding", label="Mass", status="disagree")
    return app


def test_who_comes_second_is_told_who_was_first_and_sees_both(film):
    app = conflicted(film)
    text = words(app)
    assert "Dr Roe, radiologist saved a review of this film at" in text
    assert "Neither was changed" in text
    assert status(app, "Mass") == "disagree", "theirs does not take the place of what the reader sees"
    assert "Is not there: Mass." in text
    assert "Comment: all as flagged" in text
    assert kept(film).comment == "all as flagged"


def test_mine_goes_on_top_and_theirs_stays_in_the_history(film):
    app = conflicted(film)
    say(app, what="finding", label="Nodule", status="agree")  # what is said meanwhile is not lost either
    button(app, "Put mine on top").click().run()
    assert "saved a review of this film" not in words(app)
    review = kept(film)
    assert (review.verdict("Mass"), review.verdict("Nodule"), review.version) == ("disagree", "agree", 2)
    history = state.store().review_history(film, state.store().entry(film).screening)
    assert [item.reader for item in history] == ["Dr Roe", "Dr Mine"]


def test_theirs_is_kept_and_undo_brings_mine_back_on_top(film):
    app = conflicted(film)
    button(app, "Keep theirs").click().run()
    assert kept(film).version == 1
    assert "saved a review of this film" not in words(app)
    assert status(app, "Mass") is None
    assert app.text_input(key=f"comment-{film}").value == "all as flagged"
    button(app, "Undo").click().run()
    assert (kept(film).verdict("Mass"), kept(film).version) == ("disagree", 2)


def test_a_third_version_between_looking_and_deciding_is_not_overwritten_unseen(film):
    app = conflicted(film)
    another_says(state.store(), film, "disagree", "second thoughts", reader="Dr Roe")
    button(app, "Put mine on top").click().run()
    assert kept(film).comment == "second thoughts"
    assert "Comment: second thoughts" in words(app)
    button(app, "Put mine on top").click().run()
    assert kept(film).verdict("Mass") == "disagree"
    assert kept(film).version == 3


def test_a_session_is_never_in_conflict_with_itself(film):
    app = open_page(PAGE)
    for number in range(4):
        say(app, what="finding", label="Mass", status="agree" if number % 2 else "disagree")
    assert kept(film).version == 4
    assert "saved a review" not in words(app)


def test_a_session_sees_nothing_of_another_s_draft(film):
    conflicted(film)
    other = open_page(PAGE)
    assert "saved a review" not in words(other)
    assert status(other, "Mass") is None


def test_a_review_of_a_removed_film_is_told_and_not_lost(film, stored):
    stored({"low.png": 110})
    app = open_page(PAGE)
    app.text_area[0].set_value("look again at the left apex").run()
    state.store().remove(film)
    say(app, what="finding", label="Mass", status="disagree")
    text = words(app)
    assert "not in the worklist" in text
    assert "Is not there: Mass." in text
    assert "Impression: look again at the left apex" in text
    state.store().restore(film)
    app.run()
    assert "Not saved yet." in words(app)
    button(app, "Try again").click().run()
    assert kept(film).verdict("Mass") == "disagree"
    assert "Not saved yet." not in words(app)


def test_what_is_said_while_the_database_is_away_is_saved_when_it_is_back(film, monkeypatch):
    app = open_page(PAGE)
    save = state.store().save_review

    def away(*_args, **_facts):
        raise StoreError("the database (sqlite) failed: locked")

    monkeypatch.setattr(state.store(), "save_review", away)
    say(app, what="finding", label="Mass", status="disagree")
    say(app, what="finding", label="Nodule", status="agree")
    assert "The database (sqlite) failed: locked." in words(app)
    assert (status(app, "Mass"), status(app, "Nodule")) == ("disagree", "agree")
    monkeypatch.setattr(state.store(), "save_review", save)
    button(app, "Try again").click().run()
    assert (kept(film).verdict("Mass"), kept(film).verdict("Nodule"), kept(film).version) == ("disagree", "agree", 1)


def test_when_nothing_of_the_store_answers_the_page_keeps_what_was_said_and_asks_to_wait(film, monkeypatch):
    app = open_page(PAGE)

    def away(*_args, **_facts):
        raise StoreError("the database (sqlite) failed: locked")

    with monkeypatch.context() as broken:
        for method in ("save_review", "worklist", "settings_under", "earlier"):
            broken.setattr(state.store(), method, away)
        say(app, what="finding", label="Mass", status="disagree")
        text = words(app)
        assert "The database or the data folder cannot be reached" in text
        assert "Do not close or reload this page" in text
        assert "Is not there: Mass." in text
    button(app, "Try again").click().run()
    assert "Not saved yet." in words(app)
    button(app, "Try again").click().run()
    assert kept(film).verdict("Mass") == "disagree"


def test_trying_again_does_not_overwrite_what_came_meanwhile(film, monkeypatch):
    app = open_page(PAGE)
    store = state.store()
    save = store.save_review
    monkeypatch.setattr(store, "save_review", lambda *_a, **_f: (_ for _ in ()).throw(StoreError("away")))
    say(app, what="finding", label="Mass", status="disagree")
    monkeypatch.setattr(store, "save_review", save)
    another_says(store, film, "agree", "first", reader="Dr Roe")
    button(app, "Try again").click().run()
    assert "Dr Roe saved a review" in words(app)
    assert kept(film).comment == "first"


def test_a_film_screened_anew_with_other_scores_begins_without_a_review(film):
    app = say(open_page(PAGE), what="all", status="agree")
    store = state.store()
    screening = store.entry(film).screening
    store.save(replace(screening, scores=dict.fromkeys(screening.scores, 0.9)), store.entry(film).received_at)
    app.run()
    assert shown(app) == film
    assert "You agreed" not in words(app)
