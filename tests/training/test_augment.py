"""Augmentation: boxes stay on their pixels, greys stay greys."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training import augment
from training.recipe import Augment

BOX = np.array([[0.3, 0.35, 0.6, 0.55]])


def spot(size):
    """A bright ellipse that fills BOX on a dark film."""
    film = np.zeros((size, size), np.uint8)
    centre = (BOX[0, :2] + BOX[0, 2:]) / 2 * size - 0.5
    half = (BOX[0, 2:] - BOX[0, :2]) / 2 * size
    cv2.ellipse(
        film, tuple(np.rint(centre).astype(int).tolist()), tuple(np.rint(half).astype(int).tolist()), 0, 0, 360, 255, -1
    )
    return film


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_a_box_stays_on_its_pixels(seed):
    rng = np.random.default_rng(seed)
    view = augment.draw(rng, Augment(flip=True, gamma=0, contrast=0, brightness=0, noise_chance=0))
    film = augment.render(spot(384), view, 320, rng)
    rows, columns = np.nonzero(film > 127)
    seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / 320
    moved, kept = augment.boxes(BOX, view)
    assert kept.all()
    assert abs(moved[0] - seen).max() < 2.5 / 320


def test_the_identity_changes_nothing():
    film = spot(64)
    assert (augment.render(film, augment.identity(), 64, np.random.default_rng(0)) == film).all()
    moved, kept = augment.boxes(BOX, augment.identity())
    assert kept.all()
    assert np.allclose(moved, BOX)


def test_a_box_mostly_outside_is_dropped():
    view = augment.View(np.array([[1.0, 0, 0.6], [0, 1.0, 0]]), np.arange(256, dtype=np.uint8))
    _, kept = augment.boxes(np.array([[0.3, 0.3, 0.6, 0.6], [0.0, 0.0, 0.3, 0.3]]), view)
    assert kept.tolist() == [False, True]


@given(st.integers(0, 10**6))
def test_brighter_stays_brighter(seed):
    table = augment.draw(np.random.default_rng(seed), Augment()).table.astype(int)
    assert (np.diff(table) >= 0).all()
    assert table[-1] > table[0]


def test_the_bars_of_a_squeezed_film_are_black():
    rng = np.random.default_rng(5)
    still = Augment(rotation=0, scale=(1, 1), aspect=0, shift=0, squeeze=0.6, squeeze_chance=1, blur_chance=0)
    film = np.full((96, 96), 200, np.uint8)
    views = [augment.render(film, augment.draw(rng, still), 64, rng) for _ in range(20)]
    assert all(view[32, 32] > 0 for view in views)
    assert any((view[:, 0] == 0).all() or (view[0] == 0).all() for view in views)
