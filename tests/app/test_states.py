"""Every page in its empty, its full and its error states; the notice on each of them."""

import pytest

from tests.app.conftest import MODELLESS, PAGES, ROOT, STORELESS, open_page, words
from ui.frame import NOTICE
from ui.frame import PAGES as LINKS

EMPTY = {
    "pages/5_Operations.py": "Nothing has been screened yet",
    "streamlit_app.py": "No film has been screened yet",
    "pages/1_Screen.py": "No film has been sent in this session",
    "pages/2_Worklist.py": "The worklist is empty",
    "pages/3_Review.py": "No film to review yet",
    "pages/4_Models.py": "Operating points",
    "pages/6_Simulator.py": "of the reading time is needed",
    "pages/7_Connections.py": "Nothing is connected yet",
    "pages/8_Settings.py": "0 of 0 waiting films are over their limit",
}
FULL = {
    "pages/5_Operations.py": "looked at in this period",
    "streamlit_app.py": "waiting for a reader",
    "pages/1_Screen.py": "No film has been sent in this session",
    "pages/2_Worklist.py": "longest wait",
    "pages/3_Review.py": "1 of 2",
    "pages/4_Models.py": "Operating points",
    "pages/6_Simulator.py": "of the reading time is needed",
    "pages/7_Connections.py": "Nothing is connected yet",
    "pages/8_Settings.py": "0 of 2 waiting films are over their limit",
}
FORBIDDEN = ("normal", "healthy", "negative", "no finding", "all clear")


def test_every_file_in_pages_is_linked_and_every_link_leads_to_a_file():
    assert set(LINKS) == {"streamlit_app.py"} | {f"pages/{path.name}" for path in (ROOT / "pages").glob("*.py")}
    assert tuple(LINKS) == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_page_says_what_it_will_show(page, models):
    app = open_page(page)
    assert not app.exception
    assert EMPTY[page] in words(app)
    assert NOTICE in words(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_full_page_shows_it(page, stored):
    stored({"bright.png": 250, "dark.png": 90})
    app = open_page(page)
    assert not app.exception
    assert FULL[page] in words(app)
    assert NOTICE in words(app)
    assert not [word for word in FORBIDDEN if word in words(app).lower()]


@pytest.mark.parametrize("page", PAGES)
def test_a_setting_that_makes_no_sense_is_named(page, monkeypatch):
    monkeypatch.setenv("CXR_MAX_FILES", "many")
    app = open_page(page)
    assert not app.exception
    assert "A setting makes no sense" in words(app)
    assert "CXR_MAX_FILES must be a whole number" in words(app)
    assert NOTICE in words(app)


@pytest.mark.parametrize("page", [page for page in PAGES if page not in MODELLESS])
def test_without_a_model_the_page_says_where_to_put_one(page, monkeypatch, tmp_path):
    monkeypatch.setenv("CXR_MODELS_DIR", str(tmp_path))
    app = open_page(page)
    assert not app.exception
    assert "No model can be used" in words(app)
    assert "CXR_MODELS_DIR" in words(app)
    assert NOTICE in words(app)


@pytest.mark.parametrize("page", [page for page in PAGES if page not in STORELESS])
def test_a_database_that_cannot_be_reached_is_no_stack_trace(page, monkeypatch, tmp_path, models):
    monkeypatch.setenv("CXR_DATABASE_URL", f"sqlite:///{tmp_path}/nowhere/cxr.sqlite3")
    app = open_page(page)
    assert not app.exception
    assert "The database or the data folder cannot be reached" in words(app)
    assert "CXR_DATABASE_URL" in words(app)
    assert "Traceback" not in words(app)


@pytest.mark.parametrize("page", [page for page in PAGES if page not in STORELESS])
def test_a_data_folder_that_is_a_file_is_no_stack_trace(page, monkeypatch, tmp_path, models):
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("CXR_DATA_DIR", str(tmp_path / "taken"))
    app = open_page(page)
    assert not app.exception
    assert "The database or the data folder cannot be reached" in words(app)


def test_the_pages_follow_one_another_in_one_session(stored):
    stored({"bright.png": 250})
    app = open_page("streamlit_app.py")
    for page in PAGES[1:]:
        app.switch_page(page).run()
        assert not app.exception, page
        assert NOTICE in words(app)
