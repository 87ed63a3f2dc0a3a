"""The detection test: what it writes, what it counts, and that a stop costs nothing that was done."""

import csv
import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.card import LabelCard
from cxr_core.detect import Detector
from cxr_core.phantom import as_png
from cxr_core.records import COVID, OperatingPoint
from cxr_core.settings import Settings
from tests.fakes import BrightnessNetwork, card
from tests.training.foreign import voc_xml
from training import __main__ as command_line
from training import covid
from training.errors import MissingData
from training.trial import tally
from training.trial.drawing import Drawn, annotated
from training.trial.films import items, system_of
from training.trial.journal import FILE, Mark
from training.trial.run import Trial

SETTINGS = Settings()
HIT = (10, 25, 60, 75)  # the fake network's box on a film of 120 x 100: columns 9.5 to 60, rows 25 to 75


def film(grey):
    """A slope from an eighth of ``grey``: too wide to be stretched, and without the dark border of a collimator."""
    pixels = np.tile(np.linspace(grey / 8, grey, 120), (100, 1))
    return as_png((np.round(pixels) * 257).astype(np.uint16), bits=8)


def detector(network=None, version="1"):
    made = card("covid_ssd", [COVID], version=version)
    points = {"balanced": OperatingPoint(0.6)}
    labels = (
        LabelCard(1, covid.NEGATIVE, None),
        LabelCard(2, covid.POSITIVE, COVID, "soon", operating_points=points),
    )
    object.__setattr__(made, "labels", labels)
    return Detector(made, network or BrightnessNetwork(2))


@pytest.fixture
def films(tmp_path):
    """Two positive films, one dark and so missed; one negative film, bright and so flagged; one that is no picture."""
    folder = tmp_path / "films"
    (folder / "ward").mkdir(parents=True)
    for name, grey, label in (
        ("ward/a", 250, covid.POSITIVE),
        ("b", 100, covid.POSITIVE),
        ("c", 245, covid.NEGATIVE),
    ):
        (folder / f"{name}.png").write_bytes(film(grey))
        corners = (label, *HIT) if name != "b" else (label, 0, 0, 9, 9)
        (folder / f"{name}.xml").write_text(voc_xml(f"{name[-1]}.png", [corners], (120, 100)))
    return folder


def run(folder, out, network=None, **facts):
    model = detector(network, **facts)
    system = system_of(model.card)
    return Trial(model, system, out, SETTINGS).run(items(folder, system, 1000, None, SETTINGS))


def test_figures_are_counted_against_what_is_known(films, tmp_path):
    told = run(films, tmp_path / "out")
    known = told["findings"][COVID]["truth_known"]
    assert known["counts"] == {"tp": 1, "fn": 1, "fp": 1, "tn": 0}
    assert known["accuracy"]["value"] == pytest.approx(1 / 3, abs=1e-4)
    assert (known["sensitivity"]["value"], known["specificity"]["value"]) == (0.5, 0.0)
    assert told["findings"][COVID]["flagged"] == 2
    hits = told["boxes"][covid.POSITIVE]["best_box_hits"]
    assert (hits["iou_0.1"]["value"], hits["iou_0.3"]["value"], hits["iou_0.5"]["value"]) == (0.5, 0.5, 0.5)
    assert hits["iou_0.5"]["n"] == 2
    assert told["note"] == "Research use only. Expert review required."


def test_a_row_a_film_and_a_page_for_people(films, tmp_path):
    (films / "=d.png").write_bytes(b"no picture")
    for path in films.rglob("*.xml"):
        path.unlink()
    run(films, tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out" / "summary.csv").read_text().splitlines()))
    assert [row["file"] for row in rows] == ["'=d.png", "b.png", "c.png", "ward/a.png"]
    assert [row["flagged"] for row in rows] == ["", "", COVID, COVID]
    assert "not a picture in a known format" in rows[0]["refused"]
    assert rows[3]["picture"].startswith("pictures/a_")
    page = (tmp_path / "out" / "summary.md").read_text()
    assert "4 films, 3 read, 1 refused" in page
    assert "Research use only. Expert review required." in page
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["refused"].keys() == {"=d.png"}


def test_pictures_hold_the_boxes_and_the_words(films, tmp_path):
    run(films, tmp_path / "out")
    pictures = {path.name[0]: cv2.imread(str(path)) for path in (tmp_path / "out" / "pictures").iterdir()}
    assert set(pictures) == {"a", "b", "c"}
    seen, scale = pictures["a"], 640 / 120
    assert seen.shape[:2] > (533, 640)
    assert seen[533:].max() > 150  # the words stand below the film
    rows, columns = np.nonzero(coloured(seen[:533]))
    assert columns.min() == pytest.approx(9.5 * scale, abs=4)
    assert rows.max() == pytest.approx(75 * scale, abs=4)
    lines = [json.loads(line) for line in (tmp_path / "out" / FILE).read_text().splitlines()]
    drawn = {line["file"]: {mark["label"] for mark in line["boxes"] if mark["shown"]} for line in lines}
    assert drawn["ward/a.png"] == {covid.NEGATIVE, covid.POSITIVE}
    assert drawn["b.png"] == {covid.NEGATIVE}  # not flagged: no box of the finding


def coloured(picture):
    """Where a picture is not grey."""
    return np.abs(picture.astype(int) - picture.mean(2, keepdims=True)).max(2) > 40


def test_a_wide_film_is_drawn_no_larger_than_a_screen():
    for height, width, drawn in ((900, 3000, 1024), (50, 40, 512), (3000, 30, 10)):
        data = annotated(np.zeros((height, width), np.uint16), [Drawn((0, 0, 9, 9), "Mass 0.5", 1)], [])
        assert cv2.imdecode(np.frombuffer(data, np.uint8), 1).shape[1] == drawn


class Stops(BrightnessNetwork):
    """Stops, as a person does, once it has seen ``most`` films."""

    most = 1

    def run(self, batch):
        if sum(self.batches) >= self.most:
            raise KeyboardInterrupt
        return super().run(batch)


def many(folder, count):
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:02d}.png").write_bytes(film(100 + number))
    return folder


def test_a_stopped_test_goes_on_where_it_was(tmp_path):
    folder, out = many(tmp_path / "films", 20), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(folder, out, Stops(2))
    assert not (out / "summary.csv").exists()
    with (out / FILE).open("ab") as stream:
        stream.write(b'{"model": "cut sho')
    network = BrightnessNetwork(2)
    told = run(folder, out, network)
    assert told["films"] == 20
    assert sum(network.batches) == 12
    assert len(list((out / "pictures").iterdir())) == 20
    again = BrightnessNetwork(2)
    assert run(folder, out, again) == told
    assert again.batches == []


def test_other_weights_and_lost_pictures_are_done_again(tmp_path):
    folder, out = many(tmp_path / "films", 3), tmp_path / "out"
    run(folder, out)
    next((out / "pictures").iterdir()).unlink()
    network = BrightnessNetwork(2)
    run(folder, out, network)
    assert sum(network.batches) == 1
    network = BrightnessNetwork(2)
    run(folder, out, network, version="2")
    assert sum(network.batches) == 3


def test_at_most_so_many_films_are_drawn_and_always_the_same(tmp_path):
    folder = many(tmp_path / "films", 12)
    drawn = [item.name for item in items(folder, None, 5, None, SETTINGS)]
    assert len(drawn) == 5
    assert drawn == sorted(drawn)
    assert drawn == [item.name for item in items(folder, None, 5, None, SETTINGS)]
    assert set(drawn) < {item.name for item in items(folder, None, 6, None, SETTINGS)}


def test_the_shared_layout_gives_truths_and_folds_below_any_of_its_folders(data_folder):
    system = system_of(detector().card)
    found = items(data_folder / "covid" / "siim", system, 1000, 2, SETTINGS)
    assert {item.known.fold for item in found} == {2}
    assert {item.known.source for item in found} == {"siim"}
    assert len(items(data_folder, system, 1000, None, SETTINGS)) == 135


def test_a_folder_without_films_or_folds_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingData, match="there is no film in empty"):
        items(tmp_path / "empty", None, 9, None, SETTINGS)
    with pytest.raises(MissingData, match="no folds are known"):
        items(many(tmp_path / "films", 1), None, 9, 4, SETTINGS)


def test_the_command_names_a_model_that_is_not_there(tmp_path, capsys):
    code = command_line.main(["test", "nothing", "--images", str(tmp_path), "--out", str(tmp_path / "out")])
    assert code == 2
    assert "no model folder nothing" in capsys.readouterr().err


corner = st.floats(0, 1)


@given(st.tuples(corner, corner, corner, corner), st.tuples(corner, corner, corner, corner))
def test_overlap_is_one_of_a_box_with_itself_and_never_more(one, other):
    first, second = (
        Mark("x", 1.0, (min(a, c), min(b, d), max(a, c) + 0.01, max(b, d) + 0.01)) for a, b, c, d in (one, other)
    )
    assert tally.overlap(first, first) == pytest.approx(1)
    assert 0 <= tally.overlap(first, second) <= 1 + 1e-9
    assert tally.overlap(first, second) == pytest.approx(tally.overlap(second, first))
