"""The models page: who is there, their curves class by class from the cards alone, the switches; old cards too."""

import json
import shutil
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.card import card_from_dict
from cxr_core.errors import StoreError
from cxr_core.intake import OPINION_SWITCHES, take_in
from cxr_core.records import COVID, PRESETS
from tests import fakes
from tests.app.conftest import ROOT, open_page, words
from ui import card_points, model_plots, state
from ui.card_points import Counts
from ui.roster import Roster, roster
from ui.switches import EFFECT

PAGE = "pages/4_Models.py"
FIGURE = {"value": 0.91, "low": 0.85, "high": 0.95, "n": 120}
FEW = {"value": 0.7, "low": 0.4, "high": 0.9, "n": 12}
MISSED = [{"file": "ward/one.png", "score": 0.02}]
CURVES = {
    "roc": {COVID: [[0.0, 0.0], [0.1, 0.8], [1.0, 1.0]]},
    "precision_recall": {COVID: [[0.0, 1.0], [0.8, 0.7], [1.0, 0.4]]},
    "froc": {"all": [[0.01, 0.1], [1.0, 0.6]]},
    "reliability": {COVID: [[0.1, 0.12], [0.8, 0.7]]},
    "confusion": {COVID: {"balanced": {"tp": 90, "fn": 10, "fp": 30, "tn": 170}}},
    "failures": {COVID: {"missed": MISSED, "false_alarm": [{"file": "two.png", "score": 0.97}]}},
}
SUBGROUPS = {
    COVID: {"view PA": {"auc": FIGURE, "sensitivity": FIGURE, "n": 120}, "age under 18": {"auc": FEW, "n": 12}}
}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([COVID, "all", "balanced", "tp", "n", "auc", "file", "missed"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


def full(made):
    """A card with everything that an evaluation measures."""
    metrics = {"inside": {"auc": FIGURE}, "outside_elsewhere": {"covid_v_normal_auc": FEW}, "subgroups": SUBGROUPS}
    return replace(made, curves=CURVES, metrics=metrics, limits=("It sees opacity.",), data={"source": "phantoms"})


def alts(app) -> str:
    """What each plot is said to show, for those who do not see it."""
    return "\n".join(item.proto.alt for item in app.get("plotly_chart"))


@pytest.fixture
def opinions():
    made = fakes.second()
    return (replace(made, card=full(made.card)), fakes.second("radiography4", [COVID, "Lung opacity"]))


def choose(app, name):
    next(group for group in app.get("button_group") if group.key == "model").set_value(name)
    return app.run()


def test_every_model_is_listed_with_its_role_and_without_a_network(models, networks):
    app = open_page(PAGE)
    text = words(app)
    assert not app.exception
    for name in ("covid_ssd 1", "nih_ssd 1", "covid_cnn 1", "radiography4 1"):
        assert name in text
    assert "second opinion" in text
    assert "Detector: its scores rank the worklist" in text
    assert all(network.batches == [] for network in networks)


def test_a_card_that_was_measured_shows_every_plot_with_its_numbers_beside(models):
    app = choose(open_page(PAGE), "covid_cnn")
    assert not app.exception
    for said in ("ROC of covid_cnn", "Precision and recall of", "Boxes: FROC of", "Reliability of", "AUC of covid_cnn"):
        assert said in alts(app), said
    text = words(app)
    assert "of 100 films with the finding 90 were flagged and 10 were not" in text
    assert "of 200 without it 30 were flagged" in text
    assert "all classes together" in text
    assert "one.png" in text
    assert "ward/" not in text, "file names only"
    assert ".91 [.85-.95]" in text
    assert "Second opinion: shown beside the detectors" in text
    assert text.index("outside elsewhere") < text.index("inside"), "the outside figure comes first"
    assert "normal" not in text.lower()


def test_a_card_from_before_says_what_it_lacks(models):
    app = open_page(PAGE)
    text = words(app)
    assert not app.exception
    assert text.count("The card holds no points of this curve for COVID-19") == 4
    for said in (
        "no counts for COVID-19",
        "no subgroups for COVID-19",
        "names no films for COVID-19",
        "not been measured",
    ):
        assert said in text


def test_the_shipped_cards_are_drawn(monkeypatch):
    app = open_page(PAGE)
    assert not app.exception
    assert "ROC of covid_ssd, COVID-19" in alts(app)
    app = choose(app, "nih_ssd")
    assert "ROC of nih_ssd, Atelectasis" in alts(app)
    assert "FROC of nih_ssd" in alts(app)
    finding = next(group for group in app.get("button_group") if group.key == "finding-nih_ssd")
    finding.set_value("Effusion")
    app.run()
    assert not app.exception
    assert "ROC of nih_ssd, Effusion" in alts(app)
    app = choose(app, "gate")
    assert not app.exception
    text = words(app)
    assert "Gate: looks at every picture before the models do" in text
    assert "distorted" in text, "what it catches"
    assert not alts(app), "it answers for no finding"


def test_a_switch_is_kept_and_obeyed_by_the_next_screening(models):
    app = open_page(PAGE)
    assert EFFECT in words(app)
    toggle = app.toggle(key="opinion-covid_cnn")
    assert toggle.value is True
    toggle.set_value(False).run()
    assert state.store().get_setting(OPINION_SWITCHES) == {"covid_cnn": False}
    (arrival,) = take_in([fakes.given("a.png", fakes.film(200))], models, state.store())
    assert [said.model.name for said in arrival.entry.screening.opinions] == ["radiography4"]
    again = open_page(PAGE)
    assert again.toggle(key="opinion-covid_cnn").value is False
    assert again.toggle(key="opinion-radiography4").value is True


def test_a_database_that_cannot_be_reached_costs_the_switches_alone(models, monkeypatch):
    def nothing():
        raise StoreError("no database")

    monkeypatch.setattr(state, "store", nothing)
    app = open_page(PAGE)
    assert not app.exception
    assert "The switches cannot be shown" in words(app)
    assert "Operating points" in words(app)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The shipped detectors' cards, without weights, and a broken second opinion's."""
    for name in ("covid_ssd", "nih_ssd"):
        (tmp_path / "models" / name).mkdir(parents=True)
        shutil.copy(ROOT / "models" / name / "card.json", tmp_path / "models" / name)
    broken = tmp_path / "models" / "covid_cnn"
    broken.mkdir()
    (broken / "card.json").write_text('{"format": 1, "role": "second_opinion", "name": "covid_')
    monkeypatch.setenv("CXR_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("CXR_SECOND_OPINIONS", "covid_cnn, gone")
    return tmp_path / "models"


def test_a_second_opinion_that_cannot_be_used_is_named_with_its_reason(folder):
    app = open_page(PAGE)
    assert not app.exception
    assert "covid_cnn cannot be used and is not asked: card.json of covid_cnn cannot be used" in words(app)
    assert "gone cannot be used and is not asked: CXR_SECOND_OPINIONS asks for it" in words(app)
    assert [card.name for card in roster(state.settings()).detectors] == ["covid_ssd", "nih_ssd"]


def test_a_foreign_model_that_is_not_run_says_so(models, monkeypatch):
    spare = fakes.card("their_nih", ["Nodule"])
    monkeypatch.setattr(state, "roster", lambda: Roster(models.cards, unused=(spare,)))
    app = choose(open_page(PAGE), "their_nih")
    assert "Found, not run: other models answer for every one of its labels." in words(app)


@given(st.dictionaries(st.sampled_from([*CURVES]), JSON), JSON)
def test_no_card_however_strange_is_an_error(curves, subgroups):
    card = replace(fakes.card("m", [COVID]), curves=curves, metrics={"subgroups": subgroups})
    for kind in model_plots.KINDS:
        model_plots.curve(card, kind, COVID)
        assert all(len(point) == 2 for point in card_points.points(card, kind.key, COVID))
    card_points.failures(card, COVID, "missed")
    groups = card_points.subgroups(card, COVID)
    assert all(group.figures for group in groups)
    for counts in card_points.confusion(card, COVID).values():
        model_plots.confusion(counts)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=60), st.integers(2, 15))
def test_a_thinned_curve_keeps_its_ends(curve, most):
    kept = card_points.thinned(curve, most)
    assert len(kept) <= most
    assert list(kept[:1] + kept[-1:]) == curve[:1] + curve[-1:]
    assert len(kept) == min(most, len(curve))


def test_the_forest_draws_each_interval_and_marks_what_stands_on_few_films():
    card = full(fakes.card("m", [COVID]))
    (marks,) = model_plots.forest(card_points.subgroups(card, COVID), "auc", COVID).data
    assert list(marks.x) == [0.91, 0.7]
    assert list(marks.error_x.array) == pytest.approx([0.04, 0.2])
    assert list(marks.error_x.arrayminus) == pytest.approx([0.06, 0.3])
    assert list(marks.y) == ["view PA (n 120)", "age under 18 (n 12)"]
    assert marks.marker.color[0] != marks.marker.color[1]
    assert model_plots.forest(card_points.subgroups(card, COVID), "specificity", COVID) is None


def test_the_confusion_plot_holds_the_counts():
    cells = model_plots.confusion(Counts(tp=90, fn=10, fp=30, tn=170)).data[0]
    assert [list(row) for row in cells.text] == [["30<br>15%", "170<br>85%"], ["90<br>90%", "10<br>10%"]]
    assert list(cells.y) == ["without the finding", "with the finding"]


def test_presets_stand_on_the_roc_where_they_were_measured():
    card = json.loads((ROOT / "models" / "covid_ssd" / "card.json").read_text())
    figure = model_plots.curve(card_from_dict(card), model_plots.KINDS[0], COVID)
    marks = figure.data[-1]
    assert list(marks.text) == list(PRESETS)
    points = next(item for item in card["labels"] if item["finding"] == COVID)["operating_points"]
    assert list(marks.y) == [points[name]["sensitivity"]["value"] for name in PRESETS]
