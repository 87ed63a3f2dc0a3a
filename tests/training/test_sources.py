"""Folders of every layout: what is recognised, what is taught, and what is refused before the first step."""

import os
import shutil
from dataclasses import replace

import pytest

from cxr_core.records import NIH_LABELS
from tests.training.folders import picture, small
from tests.training.foreign import nih_name, voc_xml, write_box_list, write_voc
from training import boxlist, covid, data, fit, nih, sources, voc
from training.batches import Batches, priors
from training.cache import films
from training.errors import BadBox, BadFile, EmptyClass, MissingData, UnknownLabel
from training.recipe import load

COVID, NIH = load("covid_ssd"), load("nih_ssd")
PLAN = fit.Plan(steps=1, pretrained=False)


@pytest.fixture(scope="module")
def voc_folder(tmp_path_factory):
    return write_voc(tmp_path_factory.mktemp("voc") / "films")


@pytest.fixture(scope="module")
def box_list(tmp_path_factory):
    return write_box_list(tmp_path_factory.mktemp("nih"))


def named(examples, name):
    return next(item for item in examples if item.name == name)


def test_voc_xml_teaches_the_class_of_its_box(voc_folder):
    found = sources.material(COVID, voc_folder)
    assert found.layout == "Pascal VOC XML"
    positive, negative = (named(found.examples, f"film {number}.png") for number in (3, 2))
    assert dict(positive.targets) == {"covid": 1, "opacity": 1}
    assert dict(negative.targets) == {"covid": 0, "opacity": 0}
    assert [area.label for area in (*positive.areas, *negative.areas)] == ["covid_19_positive", "covid_19_negative"]
    assert (negative.areas[0].x1, negative.areas[0].y2) == pytest.approx((10 / 120, 55 / 60))
    assert positive.searched == set(covid.BOX_CLASSES)


def test_a_recipe_is_narrowed_to_what_boxes_alone_tell(voc_folder):
    found = sources.material(COVID, voc_folder)
    assert dict(found.recipe.strata) == {"typical": 8, "negative": 8}
    assert found.recipe.targets == COVID.targets
    assert "folds are derived" in found.notes[0]
    assert "8 typical, 8 negative" in found.notes[1]


def test_the_shared_layout_is_never_narrowed(data_folder):
    for recipe in (COVID, NIH):
        found = sources.material(recipe, data_folder)
        assert (found.layout, found.recipe, found.notes) == ("shared layout", recipe, ())


def test_nihs_box_list_alone_teaches_the_eight_signs(tmp_path):
    found = sources.material(NIH, write_box_list(tmp_path, entries=False, patients=2))
    assert found.layout == "NIH's box list"
    assert found.recipe.box_classes == found.recipe.targets == NIH_LABELS
    assert dict(found.recipe.strata) == {"boxed": 16}
    film = named(found.examples, nih_name("Infiltrate", 1))
    assert [area.label for area in film.areas] == ["Infiltrate"]
    assert film.areas[0].x1 == pytest.approx(160.5 / 1024)
    assert film.areas[0].y2 == pytest.approx(600.25 / 1024)
    assert film.group == "00000001"
    assert {name for name, value in film.targets.items() if value} == {"Infiltrate"}


def test_nihs_entries_add_labels_patients_and_films_without_boxes(box_list):
    found = sources.material(NIH, box_list)
    assert dict(found.recipe.strata) == {"boxed": 8, "labelled": 4, "clear": 4}
    assert nih.OPACITY not in (*found.recipe.box_classes, *found.recipe.targets)
    assert "Edema" in found.recipe.targets
    assert "Hernia" not in found.recipe.targets
    film = named(found.examples, "00000003_091.png")
    assert (film.group, film.stratum, film.areas) == ("3", "labelled", ())
    assert film.targets["Edema"] == film.targets["Effusion"] == 1
    assert "Effusion" not in film.searched
    assert not any(item.name.startswith("00999999") for item in found.examples)


def test_a_patient_has_one_fold_whatever_the_film(box_list):
    folds = {}
    for item in boxlist.read(box_list, nih.CLASSES):
        assert folds.setdefault(item.group, item.fold) == item.fold
    assert len(folds) == 12
    assert data.patient_of("00000017_003.png") == data.patient_of("a/00000017_011.jpg") == "00000017"
    assert data.patient_of("ward/film 3.png") == "film 3"
    assert {data.derived_fold(str(number)) for number in range(40)} == set(data.FOLDS)


def test_an_empty_folder_says_what_was_looked_for(tmp_path):
    wanted = r"covid/images.csv; \*.tfrecord with label_map.pbtxt; BBox_List_2017.csv; \*.xml beside pictures"
    with pytest.raises(MissingData, match=wanted):
        sources.material(COVID, tmp_path)
    with pytest.raises(MissingData, match="is no folder"):
        sources.material(NIH, tmp_path / "nowhere")


def change(folder, tmp_path):
    """A copy of a folder that may be spoilt."""
    shutil.copytree(folder, tmp_path / "films")
    return tmp_path / "films"


@pytest.mark.parametrize(
    ("xml", "error", "said"),
    [
        (voc_xml("film 0.png", [("covid_19_negative", 10, 8, 130, 55)]), BadBox, r"film 0\.xml object 1: box of"),
        (voc_xml("film 0.png", [("covid_19_negative", 30, 8, 30, 55)]), BadBox, r"film 0\.xml object 1: .*no area"),
        (voc_xml("film 0.png", [("covid_19_negative", "left", 8, 30, 55)]), BadBox, "'left' is not a number"),
        (voc_xml("film 0.png", [("pneumonia", 10, 8, 30, 55)]), UnknownLabel, r"film 0\.xml object 1: 'pneumonia'"),
        (voc_xml("film 0.png", [], size=(512, 512)), BadBox, "drawn on 512 x 512 pixels"),
        (voc_xml("film 1.png", []), BadFile, r"film 1\.xml: film 1\.png is annotated twice"),
        ("<annotation><filename>film 0.png</filename>", BadFile, r"film 0\.xml is no XML"),
        ("<svg/>", BadFile, "expected <annotation>"),
        (voc_xml("film 0.png", [], size=("wide", 96)), BadBox, "size: 'wide' is not a number"),
    ],
)
def test_voc_xml_that_cannot_be_used_is_named(voc_folder, tmp_path, xml, error, said):
    folder = change(voc_folder, tmp_path)
    (folder / "film 0.xml").write_text(xml)
    with pytest.raises(error, match=said):
        voc.read(folder, covid.CLASSES)


def test_a_picture_that_voc_xml_names_and_is_not_there_or_no_picture_is_named(voc_folder, tmp_path):
    folder = change(voc_folder, tmp_path)
    (folder / "film 4.png").write_bytes(b"not a picture")
    with pytest.raises(MissingData, match=r"film 4\.png is no picture"):
        voc.read(folder, covid.CLASSES)
    (folder / "film 4.png").unlink()
    with pytest.raises(MissingData, match=r"film 4\.xml: its picture film 4\.png"):
        voc.read(folder, covid.CLASSES)


def test_xml_and_pictures_may_lie_in_folders_of_their_own(voc_folder, tmp_path):
    shutil.copytree(voc_folder, tmp_path / "images")
    (tmp_path / "annotations").mkdir()
    for path in (tmp_path / "images").glob("*.xml"):
        path.rename(tmp_path / "annotations" / path.name)
    assert [item.name for item in voc.read(tmp_path, covid.CLASSES)][:2] == ["images/film 0.png", "images/film 1.png"]
    (tmp_path / "other").mkdir()
    shutil.copy(tmp_path / "images" / "film 0.png", tmp_path / "other")
    with pytest.raises(BadFile, match="2 pictures are called film 0"):
        voc.read(tmp_path, covid.CLASSES)


@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        ("00000000_000.png,Tumour,1,1,9,9,,,", UnknownLabel, "BBox_List_2017.csv line 18: 'Tumour'"),
        ("00000000_000.png,Mass,1000,1,99,9,,,", BadBox, "line 18: box of Mass lies outside"),
        ("00000000_000.png,Mass,one,1,99,9,,,", BadBox, "line 18: 'one' is not a number"),
        ("00000000_000.png,Mass,1", BadFile, "line 18: expected image, label, x, y, w, h"),
        ("00000042_000.png,Mass,1,1,9,9,,,", MissingData, r"1 images that .* first 00000042_000\.png"),
    ],
)
def test_a_line_of_nihs_list_that_cannot_be_used_is_named(tmp_path, line, error, said):
    folder = write_box_list(tmp_path, entries=False, patients=2)
    with (folder / "BBox_List_2017.csv").open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(error, match=said):
        boxlist.read(folder, nih.CLASSES)


def test_a_table_cut_short_or_of_no_text_is_named(tmp_path):
    folder = write_box_list(tmp_path, patients=1)
    entries = folder / "Data_Entry_2017.csv"
    whole = entries.read_bytes()
    entries.write_bytes(whole[: whole.index(b",58,M")])
    with pytest.raises(BadFile, match=r"Data_Entry_2017\.csv line 2: expected 9 cells as in the header, got 4"):
        boxlist.read(folder, nih.CLASSES)
    entries.write_bytes(whole.replace(b"Edema", b"\xff\xfe"))
    with pytest.raises(BadFile, match="is no CSV that can be read"):
        boxlist.read(folder, nih.CLASSES)


def test_a_list_with_another_header_or_without_its_entries_is_refused(tmp_path):
    folder = write_box_list(tmp_path, patients=1)
    (folder / "Data_Entry_2017.csv").write_text("Image Index,Finding Labels,Patient ID,View Position\n")
    with pytest.raises(MissingData, match=r"does not list 00000000_000\.png"):
        boxlist.read(folder, nih.CLASSES)
    (folder / "BBox_List_2017.csv").write_text("image,label,x,y,w,h\n")
    with pytest.raises(BadFile, match="expected the header"):
        boxlist.read(folder, nih.CLASSES)


def test_infiltration_is_the_boxes_infiltrate():
    assert nih.CLASSES.known("here", "Infiltration") == nih.CLASSES.known("here", " infiltrate") == "Infiltrate"


@pytest.mark.parametrize("kept", ["covid_19_positive", "covid_19_negative"])
def test_a_class_without_a_film_stops_before_the_first_step(tmp_path, kept):
    for number in range(8):
        picture(tmp_path / "films" / f"{number}.png", number)
        (tmp_path / "films" / f"{number}.xml").write_text(voc_xml(f"{number}.png", [(kept, 10, 8, 80, 55)]))
    with pytest.raises(EmptyClass, match="box of class covid_19"):
        fit.fit(small("covid_ssd"), tmp_path / "films", tmp_path / "run", PLAN)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["covid_ssd", "nih_ssd"])
def test_a_batch_can_be_made_of_foreign_layouts(voc_folder, box_list, tmp_path, name):
    """tests/training/test_resume.py trains on one to the end."""
    found = sources.material(small(name), voc_folder if name == "covid_ssd" else box_list)
    rows = fit.training_rows(found.examples, 4)
    data.check(
        [found.examples[row] for row in rows], found.recipe.box_classes, found.recipe.targets, found.recipe.strata
    )
    cached = films(found.examples, found.recipe.cache_size, tmp_path)
    placed = cached.placed(found.examples)
    batch = Batches(found.recipe, placed, cached.pixels, rows).make(0)
    assert len(batch["film"]) == found.recipe.batch
    assert batch["known"].any(0).all()
    assert batch["heat"].max() == pytest.approx(1)
    assert all(min(side) > 0 for side in priors(found.recipe, placed, rows))


def test_boxes_of_a_wide_film_lie_where_its_letterboxed_picture_lies(voc_folder, tmp_path):
    """A film of 120 x 60 leaves 30 rows of 120 black above and below."""
    example = named(voc.read(voc_folder, covid.CLASSES), "film 2.png")
    cached = films([example], 64, tmp_path)
    (placed,) = cached.placed([example])
    box = placed.areas[0]
    assert cached.sizes == ((120, 60),)
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((10 / 120, 38 / 120, 80 / 120, 85 / 120))
    assert not cached.pixels[0][:15].any()
    assert cached.pixels[0][17:47].any()


def test_the_digest_of_annotations_changes_with_any_of_them(data_folder):
    examples = nih.read(data_folder)
    first = examples[0]
    changed = [
        replace(first, fold=first.fold + 1),
        replace(first, group="other"),
        replace(first, areas=()),
        replace(first, targets={**first.targets, "Mass": 1}),
        replace(first, searched=frozenset()),
    ]
    digests = {data.digest([item, *examples[1:]]) for item in (first, *changed)}
    assert len(digests) == 6
    moved = replace(first, path=first.path.parent / os.pardir / "elsewhere.jpg")
    assert data.digest([moved, *examples[1:]]) == data.digest(examples)
