"""From finished runs to cards: which runs the one command takes."""

import pytest

from training import evaluate, export, readme
from training.__main__ import main


@pytest.fixture
def taken(monkeypatch):
    """What export, evaluate and readme are asked for, in their order."""
    asked = []
    monkeypatch.setattr(export, "export", lambda recipe, run, models: asked.append(("export", run.name)))
    monkeypatch.setattr(
        evaluate,
        "evaluate",
        lambda recipe, run, data, models, sisters, blacked: asked.append(
            (recipe.name, run.name, [item.name for item in sisters], blacked and blacked.name)
        ),
    )
    monkeypatch.setattr(readme, "refresh", lambda models, root: asked.append("readme") or [])
    return asked


def finished(folder, *names):
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "weights.npz").touch()


def ship(folder, *more):
    return main(["ship", "--data", ".", "--runs", str(folder), *more])


def test_both_detectors_are_shipped_with_their_sisters_and_the_control(tmp_path, taken):
    sisters = {kind: [f"{kind}_f{fold}" for fold in range(5)] for kind in ("covid", "nih")}
    finished(tmp_path, *sisters["covid"], *sisters["nih"], "covid_all", "nih_all", "covid_blacked")
    assert ship(tmp_path) == 0
    assert taken == [
        ("export", "covid_all"),
        ("covid_ssd", "covid_all", sisters["covid"], "covid_blacked"),
        ("export", "nih_all"),
        ("nih_ssd", "nih_all", sisters["nih"], None),
        "readme",
    ]


def test_a_fold_that_is_not_finished_is_said_and_left_out(tmp_path, taken, capsys):
    finished(tmp_path, "nih_f1", "nih_f4", "nih_all")
    assert ship(tmp_path, "--only", "nih_ssd") == 0
    assert taken[1] == ("nih_ssd", "nih_all", ["nih_f1", "nih_f4"], None)
    assert "nih_f0, nih_f2, nih_f3" in capsys.readouterr().out


def test_without_a_fold_there_is_no_figure(tmp_path, taken, capsys):
    finished(tmp_path, "nih_all")
    assert ship(tmp_path, "--only", "nih_ssd") == 2
    assert "no honest figure" in capsys.readouterr().err
    assert taken == []
