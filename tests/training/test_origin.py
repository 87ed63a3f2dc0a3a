"""The alarm's clear lungs are an average of many films, and what it is worth is measured on the films meant for it."""

import cv2
import numpy as np
import pytest

from cxr_core import shortcut
from cxr_core.settings import Settings
from training import clear_lungs, origin
from training.covid import NEGATIVE
from training.data import Area, Example
from training.origin import Looked


def film(tmp_path, number, *, source="siim", finding="Typical Appearance", stratum="typical", covid=1):
    path = tmp_path / f"{number}.png"
    rng = np.random.default_rng(number)
    chest = np.full((128, 128), 200, np.uint8)
    shift = number % 3
    chest[20 + shift : 110, 16:56] = chest[20 + shift : 110, 72:112] = 60
    noisy = np.clip(chest + rng.normal(0, 12, chest.shape), 0, 255).astype(np.uint8)
    cv2.imwrite(str(path), noisy)
    box = Area(NEGATIVE, 0.0625, 0.0625, 0.9375, 0.9375)
    return Example(path.name, path, f"g{number}", 4, stratum, source, {"covid": covid}, (box,), frozenset(),
                   {"finding": finding})  # fmt: skip


def test_clear_lungs_are_dark_lungs_in_a_bright_chest_and_no_film_s_noise(tmp_path):
    films = [film(tmp_path, number) for number in range(12)]
    made = clear_lungs.average(films)
    assert made.shape == (clear_lungs.SIDE, clear_lungs.SIDE)
    assert made.dtype == np.uint8
    middle, lung = made[40:60, 46:50].mean(), made[40:60, 20:30].mean()
    assert lung < middle - 60
    single = clear_lungs._lungs(films[0])
    assert made[40:60, 20:30].std() < single[40:60, 20:30].std()


def test_shares_count_only_films_above_the_limit_that_were_looked_at_twice(tmp_path):
    said = [(0.9, 0.8), (0.9, 0.1), (0.4, 0.4), (0.1, float("nan")), (0.9, float("nan"))]
    looked = [Looked(film(tmp_path, n), score, again, None) for n, (score, again) in enumerate(said)]
    found = origin._raised(looked, 0.3)
    assert set(found) == {"siim_typical_appearance"}
    assert found["siim_typical_appearance"]["n"] == 3
    assert found["siim_typical_appearance"]["value"] == pytest.approx(2 / 3, abs=1e-4)


def test_how_much_of_the_lungs_a_box_holds():
    true = np.array([0.2, 0.2, 0.6, 0.6])
    assert origin._inside(np.array([0.0, 0.0, 1.0, 1.0]), true) == pytest.approx(1.0)
    assert origin._inside(np.array([0.4, 0.2, 1.0, 0.6]), true) == pytest.approx(0.5)
    assert origin._inside(np.array([0.7, 0.7, 1.0, 1.0]), true) == 0.0


def test_the_shipped_clear_lungs_are_there_for_the_shipped_detector():
    alarm = shortcut.load(Settings())
    assert alarm is not None
    picture = alarm.clear["covid_ssd"]
    assert picture.shape == (clear_lungs.SIDE, clear_lungs.SIDE)
    assert picture[30:60, 20:35].mean() < picture[30:60, 44:52].mean()
