"""The tables of figures that are written from the cards."""

import pytest

from cxr_core.card import InputSpec, LabelCard, ModelCard
from training import readme
from training.__main__ import main
from training.errors import TrainingError

FIGURE = {"value": 0.81234, "low": 0.7, "high": 0.9, "n": 2831}


def card(**metrics):
    return ModelCard(
        "nih_ssd", "1", "t", "t", "2026-01-01", InputSpec(32, 32), (LabelCard(1, "a", "A"),), {}, metrics=metrics
    )


def text(between):
    return f"before\n{readme.START}{between}{readme.END}\nafter\n"


def test_a_row_is_the_cards_figure():
    lines = readme.table({"nih_ssd": card(image_auc={"macro": FIGURE})}).splitlines()
    assert lines[2:] == [
        "| nih_ssd | image AUC, mean of eight signs `image_auc.macro` | 0.812 (0.700 to 0.900) | 2,831 |"
    ]


def test_only_what_stands_between_the_marks_is_written_and_twice_is_once():
    cards = {"nih_ssd": card(image_auc={"macro": FIGURE})}
    once = readme.refreshed(text("old"), cards)
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert "old" not in once
    assert readme.refreshed(once, cards) == once


@pytest.mark.parametrize("bad", ["nothing", f"{readme.END} {readme.START}", text("") + text("")])
def test_a_text_without_one_place_for_the_table_is_refused(bad):
    with pytest.raises(TrainingError, match="once each"):
        readme.refreshed(bad, {})


def test_the_command_writes_both_files(tmp_path, capsys):
    (tmp_path / "docs").mkdir()
    for name in readme.FILES:
        (tmp_path / name).write_text(text(""))
    (tmp_path / "models" / "nih_ssd").mkdir(parents=True)
    card(image_auc={"macro": FIGURE}).save(tmp_path / "models" / "nih_ssd")
    command = ["readme", "--models", str(tmp_path / "models"), "--root", str(tmp_path)]
    assert main(command) == 0
    assert "0.812 (0.700 to 0.900)" in (tmp_path / "README.md").read_text()
    assert capsys.readouterr().out.count("new figures") == 2
    assert main(command) == 0
    assert capsys.readouterr().out == ""
