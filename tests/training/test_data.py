"""Reading the data folder: what is taught, and what is refused before the first step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.folders import covid_rows, nih_rows, write_covid, write_nih
from training import covid, data, nih
from training.errors import BadBox, EmptyClass, MissingData, UnknownLabel
from training.fit import training_rows


def named(examples, name):
    return next(item for item in examples if item.name == name)


def test_a_boxed_nih_film_teaches_its_box_and_the_absence_of_the_other_signs(data_folder):
    film = named(nih.read(data_folder), "00_boxed")
    assert [area.label for area in film.areas] == ["Atelectasis"]
    assert film.areas[0].x1 == pytest.approx(100 / 1024)
    assert film.areas[0].y2 == pytest.approx(600 / 1024)
    assert film.searched == set(nih.NIH_LABELS)
    assert film.stratum == "boxed"


def test_a_label_without_a_box_is_not_searched(data_folder):
    film = named(nih.read(data_folder), "0_label")
    assert film.targets["Mass"] == film.targets["Effusion"] == film.targets["Consolidation"] == 1
    assert film.searched == set(nih.NIH_LABELS) - {"Mass", "Effusion"}
    assert film.stratum == "labelled"


def test_rsna_knows_opacity_where_it_looked(data_folder):
    examples = nih.read(data_folder)
    assert named(examples, "0_rsna").targets[nih.OPACITY] == 1
    assert named(examples, "0_clear").targets[nih.OPACITY] == 0
    assert nih.OPACITY not in named(examples, "0_label").targets


def test_the_outside_set_is_never_trained_on(data_folder):
    examples = covid.read(data_folder)
    outside = [item for item in examples if item.source == "ieee8023"]
    assert outside
    assert all(item.fold == data.EXTERNAL and not item.stratum for item in outside)
    assert not {examples[row].source for row in training_rows(examples, 4)} & {"ieee8023"}


def test_the_fold_held_out_is_never_trained_on(data_folder):
    examples = nih.read(data_folder)
    assert {examples[row].fold for row in training_rows(examples, 4)} == {0, 1, 2, 3}
    assert {examples[row].fold for row in training_rows(examples, None)} == {0, 1, 2, 3, 4}


def test_an_uncertain_appearance_teaches_opacity_only(data_folder):
    film = next(item for item in covid.read(data_folder) if item.stratum == "uncertain")
    assert dict(film.targets) == {covid.OPACITY: 1}


@pytest.mark.parametrize("row", [("00_boxed", "Mass", 900, 100, 300, 100), ("00_boxed", "Mass", 100, 100, 0, 100)])
def test_a_box_outside_its_picture_is_named(tmp_path, row):
    images, boxes, opacities = nih_rows()
    write_nih(tmp_path, images, [*boxes, row], opacities)
    with pytest.raises(BadBox, match=r"boxes\.csv line 42"):
        nih.read(tmp_path)


def test_a_box_that_is_no_number_is_named(tmp_path):
    images, boxes = covid_rows()
    write_covid(tmp_path, images[:1], [(images[0][0], "opacity", "left", 0, 1, 1)])
    with pytest.raises(BadBox, match="line 2: 'left' is not a number"):
        covid.read(tmp_path)
    assert boxes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"label": "Tumour"}, "Tumour"),
        ({"finding": "Effusion|Cough"}, "Cough"),
        ({"fold": "7"}, "fold must be one of 0 to 4"),
        ({"stranger": "x"}, "does not list"),
    ],
)
def test_an_unknown_label_is_named(tmp_path, change, said):
    images, boxes, opacities = nih_rows()
    first = list(images[0])
    first[1], first[6] = change.get("finding", first[1]), change.get("fold", first[6])
    box = (change.get("stranger", "00_boxed"), change.get("label", "Mass"), 100, 100, 100, 100)
    write_nih(tmp_path, [tuple(first), *images[1:]], [*boxes, box], opacities)
    with pytest.raises(UnknownLabel, match=said):
        nih.read(tmp_path)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(MissingData, match=r"boxes\.csv"):
        nih.read(tmp_path)


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "covid").mkdir()
    (tmp_path / "covid" / "boxes.csv").write_text("file,kind\n")
    with pytest.raises(MissingData, match="x1"):
        covid.read(tmp_path)


def test_an_empty_class_is_named(data_folder):
    examples = [item for item in nih.read(data_folder) if "Nodule" not in item.facts["boxed"]]
    with pytest.raises(EmptyClass, match="box of class Nodule"):
        data.check(examples, nih.BOX_CLASSES, nih.TARGETS, ["boxed"])


def test_an_empty_stratum_is_named(data_folder):
    with pytest.raises(EmptyClass, match="image of stratum dusty"):
        data.check(nih.read(data_folder), nih.BOX_CLASSES, nih.TARGETS, ["dusty"])


def test_a_patient_in_two_folds_is_refused(data_folder):
    examples = nih.read(data_folder)
    twice = data.Example("copy", examples[0].path, examples[0].group, 3, "boxed", "nih", {})
    with pytest.raises(UnknownLabel, match="two folds"):
        data.check([*examples, twice], [], [], [])


@given(st.tuples(*[st.floats(-0.5, 1.5)] * 4))
def test_an_area_lies_in_its_picture_or_is_refused(corners):
    try:
        found = data.area("here", "Mass", corners)
    except BadBox:
        x1, y1, x2, y2 = np.clip(np.float32(corners), 0, 1)  # an Area keeps single precision
        assert min(corners) < -0.02 or max(corners) > 1.02 or x2 <= x1 or y2 <= y1
    else:
        assert 0 <= found.x1 < found.x2 <= 1
        assert 0 <= found.y1 < found.y2 <= 1
