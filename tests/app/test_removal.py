"""A film leaves the worklist with a click and comes back with one; nothing that was said of it is lost."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.conftest import component, open_page, words
from tests.fakes import say
from ui import state

REVIEW = "pages/3_Review.py"


@pytest.fixture
def films(stored):
    return stored({"low.png": 110, "high.png": 250})


def button(app, label):
    (found,) = [item for item in app.button if item.label == label]
    return found


def test_a_film_that_was_removed_on_its_page_is_brought_back_there(films):
    say(state.store(), films["high.png"], "disagree", "not ours")
    app = open_page(REVIEW)
    app.query_params["film"] = films["high.png"]
    app.run()
    button(app, "Remove from the worklist").click().run()
    assert "This film is not in the worklist" in words(app)
    assert [entry.key for entry in state.store().entries()] == [films["low.png"]]
    button(app, "Bring back").click().run()
    assert "Remove from the worklist" in words(app)
    assert state.store().entry(films["high.png"]).review.comment == "not ours"
    done = [row.action for row in state.store().audit(subject=films["high.png"])[0]]
    assert done == ["restored", "removed", "reviewed", "screened"]


def names(app) -> list[str]:
    return [row["name"] for row in component(app, "cxr_listing")["rows"]]


def test_the_worklist_shows_a_removed_film_no_more(films):
    worklist = open_page("pages/2_Worklist.py")
    assert names(worklist) == ["high.png", "low.png"]
    state.store().remove(films["high.png"])
    assert names(worklist.run()) == ["low.png"]
    state.store().restore(films["high.png"])
    assert names(worklist.run()) == ["high.png", "low.png"]


def test_a_film_that_was_erased_elsewhere_leaves_a_plain_word(films):
    app = open_page(REVIEW)
    state.store().purge(app.session_state["film"])
    app.run()
    assert "This film is not in the worklist" in words(app)
    assert not [item for item in app.button if item.label == "Bring back"]


def removed_films():
    from ui import state  # noqa: PLC0415 - the runner takes the function's text alone
    from ui.removal import removed_section  # noqa: PLC0415

    removed_section(state.site())


def test_removed_films_stand_in_a_list_with_the_way_back(films, models):
    app = AppTest.from_function(removed_films, default_timeout=60).run()
    assert "None. A film that is removed" in words(app)
    state.store().remove(films["low.png"])
    app.run()
    assert "low.png" in words(app)
    button(app, "Bring back").click().run()
    assert len(state.store().entries()) == 2
    assert "None. A film that is removed" in words(app)
