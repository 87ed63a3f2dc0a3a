"""The figures told in README.md and docs/training.md are those of the shipped model cards, to the digit."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FIGURE = re.compile(r"^\| (\w+) \| .* `(\w+)\.([\w.]+)` \| (.*) \|$")


def told(name):
    """(model, group, figure's name, what the table says) of each row."""
    table = (ROOT / name).read_text().split("<!-- figures: python -m training readme -->")[1].split("<!-- end")[0]
    return [found.groups() for line in table.splitlines() if (found := FIGURE.match(line))]


@pytest.mark.parametrize("name", ["README.md", "docs/training.md"])
def test_every_figure_told_is_the_cards(name):
    for model, group, key, said in told(name):
        card = json.loads((ROOT / "models" / model / "card.json").read_text())
        figure = card["metrics"][group][key]
        value = f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
        assert said == f"{value} | {figure['n']:,}", (model, group, key)


def test_the_readme_tells_the_good_and_the_bad():
    named = {(model, group) for model, group, _, _ in told("README.md")}
    assert {
        ("covid_ssd", "siim"),
        ("covid_ssd", "outside_ieee8023"),
        ("covid_ssd", "shortcut_controls_on_siim"),
        ("nih_ssd", "location"),
        ("nih_ssd", "boxes"),
        ("nih_ssd", "image_auc"),
    } <= named
    assert len(told("README.md")) >= 12
