"""The outbox: due once a version, in order, with growing pauses; what is uncertain is asked for, not sent twice."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.errors import PeerRefused, PeerUnclear, PeerUnreachable, SettingsError
from cxr_core.exchange.landing import Landing
from cxr_core.exchange.outbox import FIRST_PAUSE, GIVE_UP_AFTER, LONGEST_PAUSE, Outbox, pause
from cxr_core.exchange.rules import Destination, Peer, Rules
from cxr_core.exchange.worker import Worker
from cxr_core.intake import take_in
from cxr_core.outgoing import Outgoing
from cxr_core.pipeline import Screener
from cxr_core.records import Review
from cxr_core.store import Store
from tests import fakes
from tests.exchange.films import dataset, file_of

ARCHIVE = Destination(Peer("archive", "dicomweb", url="http://127.0.0.1:9"), ("sr",), rests=60)


@dataclass
class World:
    """Destinations as a test wants them: ``answers`` are what sending does next, then it works."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    answers: list = field(default_factory=list)
    arrived: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    held: bool = False

    def send(self, peer, made, _calling) -> None:
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.arrived.append((peer.name, made.format, made.identifier))

    def holds(self, _peer, made) -> bool:
        self.asked.append(made.identifier)
        return self.held


@pytest.fixture
def world():
    return World()


@pytest.fixture
def site(settings, store, world):
    """The outbox of a site with one destination, and a way to let a film come in."""
    return Site(settings, store, world)


class Site:
    def __init__(self, settings, store: Store, world: World) -> None:
        self.settings, self.store, self.world = settings, store, world
        self.rules = Rules(destinations=(ARCHIVE,))
        self.outbox = self.another()
        self.outbox.run()
        self.count = 0

    def another(self) -> Outbox:
        return Outbox(
            self.store, Outgoing(self.store, self.settings), lambda: self.rules,
            clock=lambda: self.world.now, send=self.world.send, holds=self.world.holds,
        )  # fmt: skip

    def film(self, *, received: bool = True) -> str:
        self.count += 1
        landing = Landing(self.store)
        film = landing.film(1_000_000)
        film.write(file_of(dataset(self.count)))
        landing.keep(film, instance=str(self.count), origin="dicom", sender="XRAY1", name="{number}.dcm")
        landing.close()
        screener = Screener(self.settings, [fakes.covid(), fakes.nih()])
        Worker(self.settings, self.store, screener, Rules).screen_waiting()
        self.world.now = max(self.world.now, datetime.now(UTC))
        return self.store.entries()[-1].key

    def review(self, key: str, decision: str, expected: int, **facts) -> None:
        self.store.save_review(key, Review(decision, "", datetime.now(UTC), **facts), expected=expected)
        self.world.now = max(self.world.now, datetime.now(UTC))

    def states(self) -> list[str]:
        return [item.state for item in reversed(self.store.outbox_latest(50))]


def test_a_result_arrives_once(site, world):
    site.film()
    assert [site.outbox.run(), site.outbox.run(), site.another().run()] == [1, 0, 0]
    assert len(world.arrived) == 1
    assert site.states() == ["sent"]
    assert site.store.outbox_latest(5, noted=True) == ()
    entries, total = site.store.audit(action="delivered")
    assert total == 1
    assert dict(entries[0].facts) == {"to": "archive", "version": 1, "objects": ["sr"]}


def test_what_was_screened_before_a_destination_was_named_stays_unless_all_is_asked_for(site, world):
    site.film()
    later = replace(ARCHIVE, peer=replace(ARCHIVE.peer, name="second archive"))
    site.rules = Rules(destinations=(later,))
    world.now += timedelta(hours=1)
    assert site.outbox.run() == 0
    assert site.outbox.send_all(later) == 1
    assert site.outbox.run() == 1


def test_uploads_leave_only_where_the_site_says_so(site, world, settings):
    screener = Screener(settings, [fakes.covid(), fakes.nih()])
    list(take_in([fakes.given("a.dcm", file_of(dataset(99)))], screener, site.store))
    world.now = datetime.now(UTC)
    assert site.outbox.run() == 0
    site.rules = Rules(destinations=(replace(ARCHIVE, of="all"),))
    assert site.outbox.run() == 1


def test_pauses_grow_and_the_result_arrives_in_the_end(site, world):
    site.film()
    world.answers = [PeerUnreachable("away")] * 4
    waited = []
    for _ in range(5):
        site.outbox.run()
        (parcel,) = site.store.outbox_latest(1)
        if parcel.state == "waiting":
            assert parcel.reason == "away"
            assert site.outbox.run() == 0  # not before its time
            waited.append(parcel.next_at - world.now)
            world.now = parcel.next_at
    assert waited == [pause(number) for number in (1, 2, 3, 4)]
    assert site.states() == ["sent"]


@given(st.integers(-5, 10_000))
def test_a_pause_is_never_shorter_than_the_one_before_and_has_an_end(attempts):
    assert FIRST_PAUSE <= pause(attempts) <= pause(attempts + 1) <= LONGEST_PAUSE


def test_a_destination_that_is_away_is_asked_once_for_all_its_results(site, world):
    for _ in range(3):
        site.film()
    world.answers = [PeerUnreachable("away")]
    assert site.outbox.run() == 0
    assert world.answers == [] and world.arrived == []
    assert {item.reason for item in site.store.outbox_latest(5)} == {"away"}
    world.now += pause(1)
    assert site.outbox.run() == 3


def test_a_password_that_is_missing_holds_up_its_destination_and_fails_nothing(site, world):
    for _ in range(2):
        site.film()
    world.answers = [SettingsError("the password file of archive cannot be read (FileNotFoundError)")]
    assert site.outbox.run() == 0
    assert {item.state for item in site.store.outbox_latest(5)} == {"waiting"}
    assert all("password file" in item.reason for item in site.store.outbox_latest(5))
    world.now += pause(1)
    assert site.outbox.run() == 2


def test_one_result_that_nobody_foresaw_holds_up_no_other_and_quotes_nothing(site, world):
    for _ in range(2):
        site.film()
    world.answers = [ValueError("Doe^Jane")]
    assert site.outbox.run() == 1
    assert site.states() == ["failed", "sent"]
    assert site.store.outbox_latest(5)[-1].reason == "this result could not be made or sent (ValueError)"


def test_what_is_refused_for_good_is_failed_with_the_reason_until_a_person_sends_it_again(site, world):
    site.film()
    world.answers = [PeerRefused("archive answered A900", status=0xA900, retry=False)]
    assert site.outbox.run() == 0
    (parcel,) = site.store.outbox_latest(1)
    assert (parcel.state, parcel.reason) == ("failed", "archive answered A900")
    world.now += timedelta(days=1)
    assert site.outbox.run() == 0
    site.store.outbox_again([parcel.id])
    assert site.outbox.run() == 1


def test_one_refused_result_does_not_hold_up_the_others(site, world):
    site.film()
    site.film()
    world.answers = [PeerRefused("no", retry=False)]
    assert site.outbox.run() == 1


@pytest.mark.parametrize(("held", "sent"), [(True, 0), (False, 1)])
def test_what_may_have_arrived_is_asked_for_before_it_is_sent_again(site, world, held, sent):
    site.film()
    world.answers = [PeerUnclear("half an answer")]
    site.outbox.run()
    assert site.store.outbox_latest(1)[0].objects[0].arrived == "perhaps"
    world.held = held
    world.now += pause(1)
    assert site.outbox.run() == 1
    assert len(world.asked) == 1
    assert len(world.arrived) == sent


def test_an_object_that_arrived_is_not_sent_again_when_the_next_one_fails(site, world):
    site.rules = Rules(destinations=(replace(ARCHIVE, objects=("sr", "gsps")),))
    site.film()
    world.answers = [None, PeerUnclear("cut"), None]
    site.outbox.run()
    world.now += pause(1)
    assert site.outbox.run() == 1
    assert [kind for _, kind, _ in world.arrived] == ["sr", "gsps"]


def test_a_version_that_was_overtaken_while_the_archive_was_away_is_never_sent(site, world):
    key = site.film()
    world.answers = [PeerUnreachable("away")]
    site.outbox.run()
    site.review(key, "disagree", 0)
    world.now += timedelta(minutes=5)
    assert site.outbox.run() == 1
    assert site.states() == ["replaced", "sent"]
    assert len(world.arrived) == 1


def test_an_unsigned_review_leaves_after_it_has_rested_and_a_signed_one_at_once(site, world):
    key = site.film()
    site.outbox.run()
    site.review(key, "disagree", 0)
    assert site.outbox.run() == 0
    site.review(key, "agree", 1)
    world.now += timedelta(seconds=61)
    assert site.outbox.run() == 1
    assert site.states() == ["sent", "replaced", "sent"]
    site.review(key, "disagree", 2, signed_at=datetime.now(UTC), reader="Dr Who")
    assert site.outbox.run() == 1


def test_where_only_signed_results_are_wanted_none_leaves_before(site, world):
    site.rules = Rules(destinations=(replace(ARCHIVE, when="signed"),))
    key = site.film()
    site.review(key, "agree", 0)
    world.now += timedelta(minutes=2)
    assert site.outbox.run() == 0
    site.review(key, "agree", 1, signed_at=datetime.now(UTC), reader="Dr Who")
    assert site.outbox.run() == 1


def test_each_version_names_what_went_before(site, world):
    key = site.film()
    site.outbox.run()
    (first,) = site.store.outbox_latest(1)
    site.review(key, "disagree", 0)
    world.now += timedelta(minutes=2)
    site.outbox.run()
    (second,) = site.store.outbox_latest(1)
    assert site.store.outbox_before(second) == {"sr": first.objects[0].identifier}
    assert second.objects[0].identifier != first.objects[0].identifier


def test_a_destination_that_is_no_longer_named_fails_its_results(site):
    site.film()
    site.outbox._look(ARCHIVE)
    site.rules = Rules()
    site.outbox.run()
    (parcel,) = site.store.outbox_latest(1)
    assert (parcel.state, "no longer" in parcel.reason) == ("failed", True)


def test_after_a_week_of_failures_a_result_is_given_up_and_says_so(site, world):
    site.film()
    world.answers = [PeerRefused("archive answered 500", status=500)]
    site.outbox.run()
    world.now += GIVE_UP_AFTER + timedelta(minutes=1)
    world.answers = [PeerRefused("archive answered 500", status=500)]
    site.outbox.run()
    (parcel,) = site.store.outbox_latest(1)
    assert parcel.state == "failed"
    assert parcel.reason == "archive answered 500; given up after 7 days"


def test_a_killed_delivery_goes_on_where_it_was(site, world):
    site.rules = Rules(destinations=(replace(ARCHIVE, objects=("sr", "gsps")),))
    site.film()

    class Killed(BaseException):
        """As a signal would."""

    world.answers = [None, Killed()]
    with pytest.raises(Killed):
        site.outbox.run()
    assert site.another().run() == 1
    assert [kind for _, kind, _ in world.arrived] == ["sr", "gsps"]
    assert len(world.asked) == 1  # the one that was on its way


def test_a_refused_film_gives_a_destination_of_pictures_nothing(site, world, settings):
    site.rules = Rules(modalities=("CR",), destinations=(replace(ARCHIVE, objects=("sc",)),))
    landing = Landing(site.store)
    film = landing.film(1_000_000)
    film.write(file_of(dataset(5)))
    landing.keep(film, instance="5", origin="dicom", sender="XRAY1", name="{number}.dcm")
    landing.close()
    Worker(settings, site.store, Screener(settings, [fakes.covid(), fakes.nih()]), lambda: site.rules).screen_waiting()
    world.now = datetime.now(UTC)
    assert site.outbox.run() == 0
    assert site.states() == ["nothing"]


@pytest.mark.parametrize("study", ["", "1.2." + "3" * 66])
@pytest.mark.filterwarnings("ignore:The value length")
@pytest.mark.filterwarnings("ignore:Invalid value")
def test_a_film_without_a_study_of_its_own_leaves_with_its_report(site, world, settings, study):
    film = dataset(7)
    film.StudyInstanceUID = study
    landing = Landing(site.store)
    piece = landing.film(1_000_000)
    piece.write(file_of(film))
    landing.keep(piece, instance="7", origin="dicom", sender="XRAY1", name="{number}.dcm")
    landing.close()
    Worker(settings, site.store, Screener(settings, [fakes.covid(), fakes.nih()]), Rules).screen_waiting()
    world.now = datetime.now(UTC)
    assert site.outbox.run() == 1
    assert [kind for _, kind, _ in world.arrived] == ["source", "sr"]
    (parcel,) = site.store.outbox_latest(5, "sent", noted=True)
    assert parcel.reason  # people are told what was wrong with it
    assert not study or study not in parcel.reason
