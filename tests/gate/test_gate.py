"""What the gate makes of entries and pixels, with a network that is known by heart."""

from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cxr_core.gate import MENDS, NOTICES, OVERRULABLE, judge, mended
from cxr_core.gate.network import NAMES, Limits, Look
from cxr_core.gate.see import see, stretched
from cxr_core.records import Identity, Notice, Radiograph
from cxr_core.settings import Settings

ON, TAGS, OFF = (Settings(gate=way) for way in ("on", "tags", "off"))


class Upright:
    """Knows a film by its brightest corner: upright it is top left. Bright edges mean an inverted film."""

    limits = Limits(dict.fromkeys(NAMES, 0.5), dict.fromkeys(NAMES, 0.9), 3.0)

    def __init__(self, sure=0.99, distance=1.0, **always):
        self.sure, self.distance, self.always, self.asked = sure, distance, always, 0

    def __call__(self, pixels):
        self.asked += 1
        inverted = pixels.mean() > 32767
        seen = 65535 - pixels if inverted else pixels
        corners = [seen[0, 0], seen[0, -1], seen[-1, -1], seen[-1, 0]]
        turn = int(np.argmax(corners))
        scores = dict.fromkeys(NAMES, 0.0) | {"inverted": self.sure * inverted}
        if turn:
            scores[f"turned_{90 * turn}"] = self.sure
        return Look(MappingProxyType(scores | self.always), self.distance)


def film(*, turned=0, inverted=False, view=None, orientation="", warnings=(), field=None, **identity):
    """A dark film whose top left corner is bright, 40 x 30."""
    pixels = np.full((40, 30), 4000, np.uint16)
    pixels[:4, :4] = 60000
    pixels = np.ascontiguousarray(np.rot90(pixels, -turned))
    pixels = 65535 - pixels if inverted else pixels
    notices = tuple(Notice(code, f"{code}.") for code in warnings)
    who = Identity(**identity) if identity else None
    return Radiograph("a", "", pixels, "dicom", view, notices, field, who, orientation)


def codes(verdict):
    return [notice.code for notice in verdict.film.warnings]


def test_a_film_that_nothing_speaks_against_passes_unchanged():
    given_film = film(orientation="L\\F", view="PA", age="060Y")
    verdict = judge(given_film, ON, Upright())
    assert (verdict.kind, codes(verdict), verdict.refusal) == ("pass", [], None)
    assert verdict.film.pixels is given_film.pixels


@pytest.mark.parametrize("turned", [1, 2, 3])
def test_a_turned_film_is_mended_and_said_to_be(turned):
    verdict = judge(film(turned=turned), ON, Upright())
    assert (verdict.kind, codes(verdict)) == ("check", [f"turned_{90 * turned}_mended"])
    np.testing.assert_array_equal(verdict.film.pixels, film().pixels)


def test_an_inverted_and_turned_film_is_mended_in_both():
    verdict = judge(film(turned=2, inverted=True), ON, Upright())
    assert codes(verdict) == ["inverted_by_pixels", "turned_180_mended"]
    np.testing.assert_array_equal(verdict.film.pixels, film().pixels)


@pytest.mark.parametrize(("facts", "code"), [({"turned": 1}, "may_be_turned"), ({"inverted": True}, "may_be_inverted")])
def test_what_is_not_sure_is_checked_and_not_mended(facts, code):
    verdict = judge(film(**facts), ON, Upright(sure=0.7))
    assert (verdict.kind, codes(verdict)) == ("check", [code])
    np.testing.assert_array_equal(verdict.film.pixels, film(**facts).pixels)


def test_a_mending_that_does_not_help_is_taken_back():
    verdict = judge(film(), ON, Upright(turned_180=0.99))
    assert "orientation_doubtful" in codes(verdict)
    np.testing.assert_array_equal(verdict.film.pixels, film().pixels)


def test_pixels_alone_never_mirror_a_film():
    verdict = judge(film(), ON, Upright(mirrored=1.0))
    assert (verdict.kind, codes(verdict)) == ("check", ["may_be_mirrored"])
    np.testing.assert_array_equal(verdict.film.pixels, film().pixels)


@pytest.mark.parametrize(("facts", "allowed"), [({"orientation": "R\\F"}, ()), ({}, ("may_be_mirrored",))])
def test_entry_and_pixels_together_or_a_person_mirror_it_back(facts, allowed):
    verdict = judge(film(**facts), ON, Upright(mirrored=1.0, turned_90=0), allowed)
    assert codes(verdict) == ["mirrored_mended"]
    np.testing.assert_array_equal(verdict.film.pixels, film().pixels[:, ::-1])


def test_left_and_right_are_judged_on_the_film_as_it_stands_in_the_end():
    class Lying(Upright):
        """Says of every film that does not stand upright that it is mirrored: it does not know such films."""

        def __call__(self, pixels):
            look = super().__call__(pixels)
            turned = any(look[f"turned_{quarter}"] for quarter in (90, 180, 270))
            return Look(MappingProxyType({**look.scores, "mirrored": float(turned)}), look.distance)

    assert codes(judge(film(turned=2), ON, Lying())) == ["turned_180_mended"]
    assert codes(judge(film(turned=2), ON, Lying(sure=0.7))) == ["may_be_turned"]
    both = judge(film(turned=2, orientation="L\\H"), ON, Upright(mirrored=1.0, turned_90=0))
    assert codes(both) == ["turned_180_mended", "mirrored_mended"]
    np.testing.assert_array_equal(both.film.pixels, film().pixels[:, ::-1])


@pytest.mark.parametrize("orientation", ["R\\F", "L\\H", "R\\H", "H\\L", "F\\R"])
def test_an_entry_that_the_pixels_contradict_is_only_doubted(orientation):
    for network in (Upright(), None):
        verdict = judge(film(orientation=orientation), ON if network else TAGS, network)
        assert (verdict.kind, codes(verdict)) == ("check", ["orientation_doubtful"])
        np.testing.assert_array_equal(verdict.film.pixels, film().pixels)


@pytest.mark.parametrize(("distance", "other"), [(1.0, 0.95), (4.0, 0.6)])
def test_what_is_surely_no_film_of_a_chest_is_refused(distance, other):
    verdict = judge(film(), ON, Upright(distance=distance, other=other))
    assert (verdict.kind, verdict.refusal.code) == ("refuse", "not_a_chest_radiograph")
    assert verdict.refusal.message


@pytest.mark.parametrize(("distance", "other"), [(1.0, 0.6), (4.0, 0.1)])
def test_what_is_only_unlike_films_is_checked(distance, other):
    verdict = judge(film(), ON, Upright(distance=distance, other=other))
    assert (verdict.kind, codes(verdict)) == ("check", ["unlike_films"])


@pytest.mark.parametrize("way", [ON, TAGS])
@pytest.mark.parametrize("facts", [{"warnings": ["lateral_view"]}, {"orientation": "A\\F"}, {"orientation": "P\\FR"}])
def test_a_lateral_view_is_refused_by_its_entries(way, facts):
    verdict = judge(film(**facts), way, Upright() if way is ON else None)
    assert (verdict.kind, verdict.refusal.code) == ("refuse", "lateral_view")


def test_a_frontal_view_is_believed_against_the_orientation():
    assert judge(film(view="PA", orientation="A\\F"), TAGS).refusal is None


@pytest.mark.parametrize(("network", "kind"), [(Upright(), "check"), (Upright(other=0.6), "refuse"), (None, "refuse")])
def test_an_entry_of_another_part_is_weighed_against_the_pixels(network, kind):
    verdict = judge(film(warnings=["other_body_part"]), ON if network else TAGS, network)
    assert verdict.kind == kind
    assert codes(verdict) == (["body_part_doubtful"] if kind == "check" else [])
    assert kind == "check" or verdict.refusal.message.startswith("other_body_part.")


@pytest.mark.parametrize(
    ("facts", "warned"),
    [
        ({"age": "017Y"}, True),
        ({"age": "018Y"}, False),
        ({"age": "006M"}, True),
        ({"birth_date": "20150101", "study_date": "20200101"}, True),
        ({"age": ""}, False),
    ],
)
def test_a_child_is_told_and_its_age_is_not(facts, warned):
    verdict = judge(film(**facts), TAGS)
    assert codes(verdict) == (["child"] if warned else [])
    assert all(text not in NOTICES["child"].message for text in facts.values() if text)


def test_a_burnt_in_text_warns_and_moves_no_film():
    assert judge(film(warnings=["burned_in_text"]), TAGS).kind == "warn"
    assert judge(film(warnings=["burned_in_text", "oblique_view"]), TAGS).kind == "check"


def test_an_overruled_refusal_stays_a_warning_for_ever():
    network = Upright(other=1.0)
    verdict = judge(film(), ON, network, ["not_a_chest_radiograph"])
    assert (verdict.kind, verdict.refusal) == ("check", None)
    assert codes(verdict)[0] == "overridden"
    assert "not_a_chest_radiograph" in verdict.film.warnings[0].message
    assert judge(film(warnings=["lateral_view"]), ON, network, ["lateral_view"]).refusal is not None


def test_switched_off_it_says_and_does_nothing():
    given_film = film(turned=2, warnings=["lateral_view"], age="003Y")
    verdict = judge(given_film, OFF, Upright())
    assert (verdict.refusal, codes(verdict)) == (None, ["lateral_view"])
    assert verdict.film.pixels is given_film.pixels


def test_only_the_exposed_field_is_looked_at():
    whole = film()
    pixels = np.zeros((60, 60), np.uint16)
    pixels[10:50, 20:50] = whole.pixels
    verdict = judge(Radiograph("a", "", pixels, "png", field=(20, 10, 50, 50)), ON, Upright())
    assert verdict.kind == "pass"


@pytest.mark.parametrize("code", MENDS)
def test_the_exposed_field_goes_along_with_a_mending(code):
    pixels = np.full((40, 30), 100, np.uint16)
    pixels[5:9, 11:20] = 50000
    given_film = Radiograph("a", "", pixels, "png", field=(11, 5, 20, 9))
    after = mended(given_film, [code, "some_other"])
    x1, y1, x2, y2 = after.field
    inside = after.pixels[y1:y2, x1:x2]
    assert inside.size == 36
    assert len(np.unique(inside)) == 1
    assert set(np.unique(after.pixels)) == ({65435, 15535} if code == "inverted_by_pixels" else {100, 50000})


def test_mending_undoes_what_turning_did():
    for quarters in (1, 2, 3):
        again = mended(film(turned=quarters), [f"turned_{90 * quarters}_mended"])
        np.testing.assert_array_equal(again.pixels, film().pixels)


def test_every_notice_says_something_and_never_clears():
    for code, notice in NOTICES.items():
        assert notice.code == code
        assert notice.message.endswith(".")
        assert "normal" not in notice.message.lower()
    assert {"not_a_chest_radiograph", "lateral_view"} <= OVERRULABLE


greys = arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


@given(greys)
@settings(max_examples=60)
def test_any_picture_is_seen(pixels):
    seen = see(pixels, 32)
    assert seen.shape == (32, 32)
    assert seen.dtype == np.float32
    assert 0 <= seen.min() <= seen.max() <= 255


@given(
    arrays(np.uint16, (24, 20), elements=st.integers(0, 4000)),
    st.integers(1, 12),
    st.integers(0, 17000),
)
@settings(max_examples=60)
def test_what_is_seen_does_not_depend_on_gain_and_offset(pixels, gain, offset):
    np.testing.assert_allclose(stretched(pixels), stretched(pixels * np.uint16(gain) + np.uint16(offset)), atol=0.5)
