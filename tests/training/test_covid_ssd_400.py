"""The recipe of the published size: which films are drawn, and the boxes they are given."""

import random

import pytest

from cxr_core.card import LabelCard
from cxr_core.detect import Detector
from cxr_core.records import COVID
from tests.fakes import BrightnessNetwork, card
from training import covid, data, fit, lungboxes
from training.errors import EmptyClass, RecipeError
from training.recipe import load
from training.recipes import covid_ssd_400


def detector(lungs=covid.NEGATIVE):
    made = card("covid_ssd", [COVID])
    object.__setattr__(made, "labels", (LabelCard(1, lungs, None), LabelCard(2, covid.POSITIVE, COVID)))
    return Detector(made, BrightnessNetwork(2))


def test_so_many_films_of_each_class_are_trained_on_with_a_lung_box_under_their_class(data_folder):
    found = covid_ssd_400.read(data_folder, 6, detector())
    taught = [item for item in found if item.stratum]
    assert len(found) == len(covid.read(data_folder))
    assert sorted(item.stratum for item in taught) == ["negative"] * 6 + ["typical"] * 6
    assert {item.source for item in taught} == {"radiography"}
    for item in taught:
        (box,) = item.areas
        positive = item.stratum == "typical"
        assert box.label == (covid.POSITIVE if positive else covid.NEGATIVE)
        assert dict(item.targets) == {"covid": positive, "opacity": positive}
        # columns 16 to 32 of 64 and rows 8 to 24 of 32, in which the square film covers columns 16 to 48
        assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((0, 0.25, 0.5, 0.75))
    data.check(taught, covid.BOX_CLASSES, covid.TARGETS, load("covid_ssd_400").strata)
    assert fit.training_rows(found, 4)


def test_the_draw_depends_on_the_seed_and_the_names_alone(data_folder):
    films = [item for item in covid.read(data_folder) if item.stratum == "normal"]
    shuffled = random.Random(3).sample(films, len(films))
    drawn = covid_ssd_400.draw(films, 5)
    assert covid_ssd_400.draw(shuffled, 5) == drawn
    assert [item.name for item in drawn] != [item.name for item in films[:5]]


def test_too_few_films_are_an_empty_class(data_folder):
    with pytest.raises(EmptyClass, match="400 films of each class are drawn, but one class has only 15"):
        covid_ssd_400.read(data_folder, detector=detector())


def test_a_detector_that_frames_no_lungs_is_refused(data_folder):
    film = covid.read(data_folder)[0]
    with pytest.raises(RecipeError, match="frames no lungs"):
        list(lungboxes.frame([film], covid.POSITIVE, detector("heart")))
