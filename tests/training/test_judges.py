"""Who judges which film, and what is kept of it."""

import json

import numpy as np
import pytest

from cxr_core.card import Decoding
from tests.training.folders import small
from training import fit, judges, lungs, nih, predict, runs
from training.errors import MissingData, RunError
from training.judges import Judge, Judges, court
from training.predict import Answers, Found


class Named:
    """Answers with the film's number of letters, and counts how often it is asked."""

    def __init__(self, add=0.0):
        self.add, self.asked = add, 0

    def look(self, examples, what, edit=None):
        self.asked += len(examples)
        return Answers(
            np.array([[len(item.name) + self.add] for item in examples]),
            tuple(Found(np.array([[0, 0, 1, 0.5]]), np.array([item.fold]), np.array([0.25])) for item in examples),
        )


def run_folder(folder, held_out, recipe="nih_ssd", digest="d", weights=b"w"):
    folder.mkdir(parents=True)
    runs.write_config(folder, {"held_out_fold": held_out, "recipe": {"name": recipe}, "data_sha256": digest})
    (folder / runs.WEIGHTS).write_bytes(weights)
    return folder


def test_each_film_is_judged_by_the_network_that_never_saw_its_fold(data_folder):
    examples = nih.read(data_folder)
    each = {fold: Named(100.0 * fold) for fold in range(5)}
    shuffled = [examples[index] for index in np.random.default_rng(0).permutation(len(examples))]
    answers = Judges(each).look(shuffled, "NIH")
    assert answers.image[:, 0].tolist() == [len(item.name) + 100 * item.fold for item in shuffled]
    assert [found.classes[0] for found in answers.found] == [item.fold for item in shuffled]


def test_a_film_nobody_spared_is_refused(data_folder):
    with pytest.raises(RunError, match="fold 2"):
        Judges({4: Named()}).look([item for item in nih.read(data_folder) if item.fold in (2, 4)], "NIH")


def test_answers_are_kept_until_weights_films_or_edit_change(data_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(judges, "_AT_ONCE", 5)
    run, examples, named = run_folder(tmp_path / "run", 4), nih.read(data_folder)[:12], Named()

    def ask(edit=None, films=examples):
        return Judge(run, Decoding(), lambda run, decoding: named).look(films, "NIH", edit)

    first, again = ask(), ask()
    assert named.asked == 12
    assert (first.image == again.image).all()
    assert all((a.boxes == b.boxes).all() for a, b in zip(first.found, again.found, strict=True))
    ask(films=examples[:5])
    assert named.asked == 12
    ask(edit=lungs.black_lungs)
    assert named.asked == 24
    (run / runs.WEIGHTS).write_bytes(b"others")
    ask()
    assert named.asked == 36


def test_an_evaluation_that_was_stopped_goes_on(data_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(judges, "_AT_ONCE", 5)

    class Tired(Named):
        def look(self, examples, what, edit=None):
            if self.asked >= 10:
                raise KeyboardInterrupt
            return super().look(examples, what, edit)

    run, examples = run_folder(tmp_path / "run", 4), nih.read(data_folder)[:12]
    with pytest.raises(KeyboardInterrupt):
        Judge(run, Decoding(), lambda run, decoding: Tired()).look(examples, "NIH")
    fresh = Named()
    assert len(Judge(run, Decoding(), lambda run, decoding: fresh).look(examples, "NIH").image) == 12
    assert fresh.asked == 2


def test_a_film_that_is_gone_is_named(data_folder, tmp_path):
    examples = nih.read(data_folder)[:1]
    (gone,) = [
        type(item)(**{**{n: getattr(item, n) for n in item.__slots__}, "path": tmp_path / "no.jpg"})
        for item in examples
    ]
    with pytest.raises(MissingData, match=gone.name):
        Judge(run_folder(tmp_path / "run", 4), Decoding()).look([gone], "NIH")


def test_a_comment_changes_no_answer(tmp_path):
    one, two, other = (tmp_path / name for name in ("one.py", "two.py", "other.py"))
    one.write_text('"""Says."""\ndef f():\n    return 1\n')
    two.write_text('"""Says more."""\n# a remark\ndef f():\n    """Of f."""\n    return 1\n')
    other.write_text("def f():\n    return 2\n")
    assert judges._meaning(one) == judges._meaning(two) != judges._meaning(other)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"held_out": 3}, "as another run did"),
        ({"held_out": None}, "trained on every fold"),
        ({"held_out": 1, "recipe": "covid_ssd"}, "a run of covid_ssd"),
        ({"held_out": 1, "digest": "other"}, "different data"),
    ],
)
def test_a_court_of_unequal_runs_is_refused(tmp_path, second, said):
    folders = [run_folder(tmp_path / "a", 3), run_folder(tmp_path / "b", **second)]
    with pytest.raises(RunError, match=said):
        court(folders, Decoding(), "nih_ssd")


def test_an_unfinished_run_is_refused(tmp_path):
    folder = run_folder(tmp_path / "a", 3)
    (folder / runs.WEIGHTS).unlink()
    with pytest.raises(RunError, match="not finished"):
        court([folder], Decoding(), "nih_ssd")


def test_a_network_answers_the_same_from_disk(data_folder, tmp_path):
    recipe = small("nih_ssd")
    run = fit.fit(recipe, data_folder, tmp_path / "tiny", fit.Plan(steps=1, pretrained=False))
    examples = [item for item in nih.read(data_folder) if item.fold == 4][:4]
    direct = predict.Predictor(run, Decoding()).look(examples, "NIH")
    (court_,) = [court([run], Decoding(), json.loads((run / runs.CONFIG).read_text())["recipe"]["name"])]
    kept = [court_.look(examples, "NIH") for _ in range(2)]
    assert all((answers.image == direct.image).all() for answers in kept)
    assert all((a.scores == b.scores).all() for a, b in zip(kept[1].found, direct.found, strict=True))
