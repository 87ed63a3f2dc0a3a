"""Reviews to examples: what a reader's word teaches, and which line and field cannot be used."""

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.phantom import as_dicom, phantom
from cxr_core.records import COVID, LABELS
from tests.training.foreign import png, review, write_voc
from training import covid, data, feedback, fit, nih, reviews, sources
from training.cache import grey
from training.errors import BadBox, BadFile, EmptyClass, MissingData, RecipeError, UnknownLabel
from training.feedback import Feedback
from training.recipe import load
from training.reviews import parse

FILM = png(5, (60, 120))


def finding(label, status="agree", box=None):
    return {"label": label, "status": status, "box": box}


LINE = json.loads(review("ward/a.png", FILM, [finding("Mass", "agree", [1, 2, 3, 4])]))


def write(folder, *lines):
    path = folder / "reviews.jsonl"
    path.write_text("\n".join(lines) + "\n")
    (folder / "ward").mkdir(exist_ok=True)
    (folder / "ward" / "a.png").write_bytes(FILM)
    return path


def taught(folder, findings, classes=nih.CLASSES, known=()):
    path = write(folder, review("ward/a.png", FILM, findings))
    (found,) = feedback.examples(Feedback(path), classes, known)
    return found


def test_a_box_agreed_with_or_added_is_a_box(tmp_path):
    found = taught(tmp_path, [finding("Mass", "agree", [12, 6, 24, 30]), finding("Nodule", "added", [60, 30, 90, 45])])
    assert [(a.label, a.x1, a.y1, a.x2, a.y2) for a in found.areas] == [
        ("Mass", *map(pytest.approx, (0.1, 0.1, 0.2, 0.5))),
        ("Nodule", *map(pytest.approx, (0.5, 0.5, 0.75, 0.75))),
    ]
    assert dict(found.targets) == {"Mass": 1, "Nodule": 1, "No Finding": 0}
    assert found.searched == {"Mass", "Nodule"}
    assert (found.stratum, found.fold, found.facts) == ("boxed", data.ALWAYS, {"role": "radiologist"})


def test_a_label_disagreed_with_is_absent_and_others_stay_unknown(tmp_path):
    found = taught(tmp_path, [finding("Mass", "disagree", [12, 6, 24, 30]), finding("Effusion")])
    assert dict(found.targets) == {"Mass": 0, "Effusion": 1, "No Finding": 0}
    assert found.areas == ()
    assert found.searched == {"Mass"}  # where the effusion is, nobody said
    assert found.stratum == "labelled"


def test_a_wrong_box_beside_a_right_one_takes_nothing_from_the_label(tmp_path):
    found = taught(tmp_path, [finding("Mass", "disagree", [0, 0, 9, 9]), finding("Mass", "agree", [12, 6, 24, 30])])
    assert found.targets["Mass"] == 1
    assert len(found.areas) == 1


def test_covid_reviews_teach_the_covid_detector(tmp_path):
    seen = taught(tmp_path, [finding(COVID, "agree", [12, 6, 24, 30]), finding("Mass")], covid.CLASSES)
    assert dict(seen.targets) == {"covid": 1, "opacity": 1}
    assert [area.label for area in seen.areas] == ["covid_19_positive"]
    assert seen.stratum == "typical"
    denied = taught(tmp_path, [finding(COVID, "disagree")], covid.CLASSES)
    assert dict(denied.targets) == {"covid": 0}
    assert denied.searched == {"covid_19_positive"}
    assert denied.stratum == "negative"


def test_films_are_found_by_their_bytes_wherever_they_lie(tmp_path):
    path = write(tmp_path, review("elsewhere/b.png", FILM, [finding("Mass")]))
    kept = tmp_path / "store" / "films"
    kept.mkdir(parents=True)
    shutil.move(tmp_path / "ward" / "a.png", kept / hashlib.sha256(FILM).hexdigest())
    (found,) = feedback.examples(Feedback(path, tmp_path / "store"), nih.CLASSES, [])
    assert found.encoded() == FILM
    with pytest.raises(MissingData, match=r"line 1: no film with these bytes .* --films"):
        feedback.examples(Feedback(path, tmp_path / "ward"), nih.CLASSES, [])


def test_a_film_with_other_bytes_under_the_name_is_not_taken(tmp_path):
    path = write(tmp_path, review("ward/a.png", png(6), [finding("Mass")]))
    with pytest.raises(MissingData, match="no film with these bytes"):
        feedback.examples(Feedback(path), nih.CLASSES, [])


def test_a_name_that_leads_out_of_the_folder_is_not_followed(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    path = write(inside, review("../secret.png", png(7), [finding("Mass")]))
    (tmp_path / "secret.png").write_bytes(png(7))
    with pytest.raises(MissingData):
        feedback.examples(Feedback(path), nih.CLASSES, [])


def test_a_dicom_film_teaches_too(tmp_path):
    film = phantom(3, height=96, width=120)
    (tmp_path / "a.dcm").write_bytes(as_dicom(film))
    sha256 = hashlib.sha256((tmp_path / "a.dcm").read_bytes()).hexdigest()
    changes = {"file": "a.dcm", "sha256": sha256, "image": {"width": 120, "height": 96}}
    line = json.dumps(LINE | changes | {"findings": [finding("Mass", "added", [12, 48, 60, 96])]})
    (found,) = feedback.examples(Feedback(write(tmp_path, line)), nih.CLASSES, [])
    assert (found.areas[0].x2, found.areas[0].y1) == (0.5, 0.5)
    greys = grey(found.encoded(), "a.dcm")
    assert np.corrcoef(greys.ravel(), film.ravel())[0, 1] > 0.98


def test_a_reviewed_film_of_the_data_keeps_its_patient_and_fold(data_folder, tmp_path):
    """Else a patient of the fold held out would be trained on through a review."""
    known = nih.read(data_folder)
    twin = next(item for item in known if item.fold == 4)
    films = tmp_path / "films"
    films.mkdir()
    shutil.copy(twin.path, films / "other name.jpg")
    line = review("other name.jpg", twin.encoded(), [finding("Mass", "added", [1, 1, 40, 40])])
    (found,) = feedback.examples(Feedback(write(tmp_path, line), films), nih.CLASSES, known)
    assert (found.group, found.fold) == (twin.group, 4)
    assert fit.training_rows([found], 4) == []
    assert fit.training_rows([found], 3) == [0]


def test_a_film_of_a_known_nih_patient_keeps_that_patients_fold(tmp_path):
    other = data.Example("00000031_000.png", write_voc(tmp_path / "v", 1) / "film 0.png", "p31", 4, "boxed", "nih", {})
    path = write(tmp_path, review("00000031_007.png", FILM, [finding("Mass")]))
    (found,) = feedback.examples(Feedback(path), nih.CLASSES, [other])
    assert (found.group, found.fold) == ("p31", 4)


def spoilt(**changes):
    return json.dumps({key: value for key, value in (LINE | changes).items() if value is not ...})


@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        ("{", BadFile, "line 2 is no JSON"),
        ("[1]", BadFile, "line 2: expected an object"),
        (spoilt(models=...), BadFile, "line 2: field 'models' is missing"),
        (spoilt(comment="seen by Dr. A"), BadFile, "line 2: field 'comment' is not part of the format"),
        (spoilt(format=2), BadFile, "line 2: format must be 1, got 2"),
        (spoilt(sha256="12"), BadFile, "line 2: sha256 must be 64"),
        ("[" * 100_000, BadFile, "line 2 is no JSON"),
        (spoilt(findings=[finding("Mass", "agree", [0, 0, 10**400, 9])]), BadBox, r"findings\[0\]\.box: expected"),
        (spoilt(file="a\0b"), BadFile, "line 2: file must be a text"),
        (spoilt(file=""), BadFile, "line 2: file must be a text"),
        (spoilt(decision="maybe"), BadFile, "line 2: decision must be agree or disagree or none, got 'maybe'"),
        (spoilt(reviewed_at="2026-03-01T14:05:00"), BadFile, "line 2: reviewed_at must be a time with its zone"),
        (spoilt(reviewed_at="yesterday"), BadFile, "line 2: reviewed_at"),
        (spoilt(reviewer="me"), BadFile, "line 2: reviewer must be an object"),
        (spoilt(reviewer={}), BadFile, r"line 2: reviewer\.role must be a text"),
        (spoilt(image={"width": 10.5, "height": 9}), BadFile, r"line 2: image\.width must be a whole number"),
        (spoilt(findings={}), BadFile, "line 2: findings must be a list"),
        (spoilt(findings=[finding("Mass"), 3]), BadFile, r"line 2 findings\[1\]: finding must be an object"),
        (spoilt(findings=[finding("Cough")]), UnknownLabel, r"line 2 findings\[0\]\.label: 'Cough' is none of COVID"),
        (spoilt(findings=[finding("Mass", "seen")]), BadFile, r"findings\[0\]: status must be agree or disagree or"),
        (spoilt(findings=[finding("Mass", "agree", [1, 2, 3])]), BadBox, r"findings\[0\]\.box: expected"),
        (spoilt(findings=[finding("Mass") | {"why": "x"}]), BadFile, r"findings\[0\]: field 'why'"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_field(tmp_path, line, error, said):
    path = tmp_path / "reviews.jsonl"
    path.write_text("\n" + line + "\n")
    with pytest.raises(error, match=said):
        parse(path)


@pytest.mark.parametrize("box", [[100, 10, 140, 20], [10, 10, 10, 20], [float("nan"), 1, 2, 3]])
def test_a_box_outside_the_film_is_named(tmp_path, box):
    with pytest.raises(BadBox, match=r"line 1 findings\[0\]\.box"):
        taught(tmp_path, [finding("Mass", "agree", box)])


def test_a_film_of_another_size_twice_reviewed_or_of_no_interest_is_refused(tmp_path):
    path = write(tmp_path, review("ward/a.png", FILM, [finding("Mass")], image={"width": 60, "height": 120}))
    with pytest.raises(BadBox, match="line 1: image says 60 x 120 pixels, the film has 120 x 60"):
        feedback.examples(Feedback(path), nih.CLASSES, [])
    line = review("ward/a.png", FILM, [finding("Mass")])
    with pytest.raises(BadFile, match=r"line 2: the film of .* line 1 again"):
        parse(write(tmp_path, line, line))
    with pytest.raises(EmptyClass, match="none of 1 reviews says anything of COVID-19"):
        feedback.examples(Feedback(write(tmp_path, line)), covid.CLASSES, [])
    with pytest.raises(MissingData, match="no reviews at"):
        parse(tmp_path / "none.jsonl")


statuses = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(reviews.STATUSES)), max_size=6)


@given(statuses)
def test_a_label_is_present_if_anybody_said_so_and_absent_if_all_denied(said):
    item = reviews.Reviewed("l", "f", "s", 1, 1, tuple(reviews.Said(*pair, None) for pair in said), "r")
    for label in LABELS:
        words = [status for name, status in said if name == label]
        expected = None if not words else int(any(word != "disagree" for word in words))
        assert item.truth().get(label) == expected


def test_reviews_join_the_data_under_the_same_recipe(data_folder, tmp_path):
    path = write(tmp_path, review("ward/a.png", FILM, [finding("Mass", "added", [12, 6, 24, 30])]))
    recipe = load("nih_ssd")
    found = sources.material(recipe, data_folder, Feedback(path))
    assert found.recipe == recipe
    assert found.examples[-1].source == "review"
    assert found.notes == ("1 reviewed films join boxed",)
    assert found.facts()["feedback"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(RecipeError, match="cannot learn from reviews"):
        sources.material(replace(recipe, classes=None), data_folder, Feedback(path))
