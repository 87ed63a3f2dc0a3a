"""Results leave: a stored image and the formats that are asked for -> finished files, in the order to send them.

Joins the store, the reader, the gate's mends and triage with the exporters; no network is loaded. What is exported
comes from stored records alone: the screening, the review, the film as received, the models' cards, the site's
thresholds, or those that the review was given under.
Export twice and the bytes are the same, UIDs included; another review or another threshold makes another object.

    __init__.py    which films, which formats, which thresholds
    film.py        a film's header, greys and grey scale, as exporters need them
    thresholds.py  the site's thresholds as the sliders keep them
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from cxr_core.card import ModelCard
from cxr_core.detect import load_cards
from cxr_core.errors import NotExportable, RecordError, SettingsError
from cxr_core.export import fhir, gsps, hl7, sc, sr
from cxr_core.export.objects import finished
from cxr_core.export.result import EXPORTER, Result, Window
from cxr_core.outgoing.film import Film
from cxr_core.outgoing.thresholds import site_thresholds
from cxr_core.read.quiet import quiet
from cxr_core.records import Notice, models_key
from cxr_core.serial import review_to_json, screening_to_json
from cxr_core.settings import Settings
from cxr_core.site import read_site
from cxr_core.store import Entry, Store
from cxr_core.triage import Circumstances, assess
from cxr_core.triage.policy import Policy, policy_of
from cxr_core.voices import speakers

__all__ = ["FORMATS", "Exported", "Made", "Offered", "Outgoing", "Window", "result_version"]

FORMATS = ("sr", "gsps", "sc", "fhir", "hl7")
DICOM = "application/dicom"
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Made:
    """One file ready to leave. ``format`` is one of FORMATS, or "source": the Secondary Capture that a picture becomes.

    ``identifier`` is the SOP Instance UID, the report's urn:uuid, or the message's control ID. ``name`` is a file name
    that tells nobody's identity.
    """

    format: str
    name: str
    data: bytes
    media_type: str
    identifier: str
    sop_class_uid: str = ""
    study_uid: str = ""
    series_uid: str = ""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was made, in the order to send it, and what people should know of it; ``version``: see result_version."""

    made: tuple[Made, ...]
    notices: tuple[Notice, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Offered:
    """Which formats an image has: ``not_possible`` says why not of the others.

    ``new_identity``: DICOM objects come with the Secondary Capture that they refer to.
    """

    not_possible: Mapping[str, str]
    new_identity: bool = False


def result_version(entry: Entry) -> str:
    """A digest of what is known of an image: another screening or another review gives another one.

    Thresholds do not: a slider that is moved sends nobody ten thousand reports.
    """
    review = review_to_json(entry.review) if entry.review and entry.review.said else None
    told = {"exporter": EXPORTER, "screening": screening_to_json(entry.screening) | {"seconds": None}, "review": review}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


class Outgoing:
    """Exports from one store; ModelError where the models' cards cannot be read. ``cards``: the detectors'."""

    def __init__(self, store: Store, settings: Settings, cards: Sequence[ModelCard] | None = None) -> None:
        self._store, self._settings = store, settings
        cards = load_cards(settings) if cards is None else tuple(cards)
        heard = speakers(cards)
        self._cards = tuple(card for card, labels in zip(cards, heard, strict=True) if labels)
        self._speaks = {label: card.name for card, labels in zip(cards, heard, strict=True) for label in labels}
        self._key = models_key(card.ref() for card in self._cards)

    @property
    def models_key(self) -> str:
        """Of which models the results are that leave."""
        return self._key

    def find(self, text: str) -> tuple[str, ...]:
        """Keys of the images of a study, by its UID; else of those whose key begins so, from four characters on."""
        return self._store.keys(text) if len(text) >= _SHORTEST else ()

    def export(
        self,
        key: str,
        formats: Sequence[str],
        *,
        window: Window | None = None,
        replaces: Mapping[str, str] = MappingProxyType({}),
        every_box: bool = False,
    ) -> Exported:
        """Files of one image; NotExportable if none of the formats can be had, else a notice for each that cannot.

        ``replaces``: format -> identifier of the version that was given before.
        """
        unknown = [name for name in formats if name not in FORMATS]
        if unknown or not formats:
            raise NotExportable(f"formats are {', '.join(FORMATS)}, got {', '.join(unknown) or 'none'}")
        entry = self._store.entry(key, self._key)
        if entry is None:
            raise NotExportable("this image is not in the worklist; it may have been removed")
        if not entry.screening.sha256:
            raise NotExportable("the file could not be read, so it is not kept, and nothing could refer to it")
        film = Film(self._store.film(key), entry.screening, self._settings)
        result = self._result(entry, window, every_box=every_box)
        made, notices = _made(_Job(result, film, replaces), formats)
        return Exported(made, notices, result_version(entry))

    def offered(self, key: str) -> Offered:
        """What ``export`` can give of an image, told without decoding a pixel; NotExportable for an unknown image."""
        entry = self._store.entry(key, self._key)
        if entry is None:
            raise NotExportable("this image is not in the worklist; it may have been removed")
        if not entry.screening.sha256:
            return Offered(dict.fromkeys(FORMATS, "The file could not be read, so it is not kept."))
        film = Film(self._store.film(key), entry.screening, self._settings)
        reasons: dict[str, str] = {}
        if entry.screening.status == "refused":
            reasons = dict.fromkeys(("gsps", "sc"), "The film was not screened, so there is nothing to draw on it.")
        if not film.is_dicom:
            if entry.screening.image is None:
                reasons = dict.fromkeys(FORMATS, "The file is no picture, so there is nothing to refer to.")
            return Offered(reasons, new_identity=True)
        try:
            origin = film.origin
        except NotExportable as exc:
            return Offered(dict.fromkeys(FORMATS, str(exc)))
        if origin.made and entry.screening.image is None:
            reasons = dict.fromkeys(("sr", "gsps", "sc"), "The file has no picture that could be given an identity.")
        elif gsps.in_colour(origin):
            reasons.setdefault("gsps", "The film is stored in colour; a presentation state is for grey films.")
        return Offered(reasons, new_identity=origin.made)

    def _result(self, entry: Entry, window: Window | None, *, every_box: bool) -> Result:
        screening, review = entry.screening, entry.review
        screened_by = models_key(screening.models)
        preset, thresholds = self._thresholds(screened_by)
        if review and review.said and review.thresholds:
            # A person judged by these; today's sliders must not change what was signed.
            preset, thresholds = review.preset or preset, {**thresholds, **review.thresholds}
        cards = [label for card in self._cards for label in card.finding_labels]
        urgencies = {str(label.finding): label.urgency for label in cards}
        known = Circumstances(outdated=screened_by != self._key, read=bool(review and review.said))
        refs = {ref.name: ref for ref in screening.models}
        return Result(
            key=entry.key,
            screening=screening,
            assessment=assess(screening, thresholds, urgencies, known, self._policy()),
            thresholds=thresholds,
            preset=preset,
            received_at=entry.received_at,
            screened_at=entry.screened_at,
            review=review,
            synthetic=entry.synthetic,
            speakers={label: refs[name] for label, name in self._speaks.items() if name in refs},
            box_thresholds={str(label.finding): label.box_threshold for label in cards},
            window=window,
            every_box=every_box,
        )

    def _policy(self) -> Policy:
        """The site's; the default where its file makes no sense, as on the pages."""
        try:
            return policy_of(read_site(self._settings))
        except SettingsError:
            return Policy()

    def _thresholds(self, screened_by: str) -> tuple[str, dict[str, float]]:
        """The name and values of the site's thresholds for these models, as the sliders keep them.

        Of models that are no longer in use, those that the site had for them: a threshold belongs to its model.
        """
        preset = self._settings.preset
        now = site_thresholds(self._store.get_setting(f"thresholds/{self._key}"), self._cards, preset)
        former = self._store.get_setting(f"thresholds/{screened_by}") if screened_by != self._key else None
        return site_thresholds(former, self._cards, preset) if former else now


@dataclass(frozen=True, slots=True)
class _Job:
    result: Result
    film: Film
    replaces: Mapping[str, str]

    def before(self, name: str) -> str:
        """The version that this one replaces, "" for none."""
        return self.replaces.get(name, "")


def _made(job: _Job, formats: Sequence[str]) -> tuple[tuple[Made, ...], tuple[Notice, ...]]:
    found: list[Made] = []
    left_out: list[Notice] = []
    with quiet():  # foreign libraries quote names that they find odd
        for name in dict.fromkeys(formats):
            try:
                found.append(_MAKERS[name](job))
            except (NotExportable, RecordError) as exc:
                if len(set(formats)) == 1:
                    raise NotExportable(str(exc)) from exc
                left_out.append(Notice("not_exportable", f"{name}: {exc}"))
        if not found:
            raise NotExportable("; ".join(notice.message for notice in left_out))
        origin = job.film.origin
        if origin.made and any(item.media_type == DICOM for item in found):
            found.insert(0, _source(job))
    return tuple(found), (*origin.notices, *left_out)


def _source(job: _Job) -> Made:
    dataset = sc.film_of(job.film.origin, job.result, job.film.as_read.pixels)
    return _dicom(job, "source", dataset, job.result.received_at)


def _report(job: _Job) -> Made:
    if job.film.origin.made:
        _ = job.film.as_read  # a report must not refer to a Secondary Capture that cannot be made
    return _dicom(job, "sr", sr.report(job.result, job.film.origin, replaces=job.before("sr")))


def _presentation(job: _Job) -> Made:
    refused = job.result.screening.status == "refused"
    curve = None if refused else job.film.curve()
    return _dicom(job, "gsps", gsps.presentation(job.result, job.film.origin, curve, replaces=job.before("gsps")))


def _capture(job: _Job) -> Made:
    refused = job.result.screening.status == "refused"
    if refused:
        raise NotExportable("the film was not screened, so there is nothing to draw on it; export sr, fhir or hl7")
    made = sc.capture(job.result, job.film.origin, job.film.as_shown.pixels, replaces=job.before("sc"))
    return _dicom(job, "sc", made)


def _bundle(job: _Job) -> Made:
    origin, before = job.film.origin, job.before("fhir")
    data = fhir.bundle(job.result, origin, replaces=before)
    named = fhir.identifier_of(job.result, origin, before)
    return Made("fhir", _name(job, "fhir", "json"), data, fhir.MEDIA_TYPE, named)


def _message(job: _Job) -> Made:
    origin, before = job.film.origin, job.before("hl7")
    data = hl7.message(job.result, origin, replaces=before)
    return Made("hl7", _name(job, "hl7", "hl7"), data, hl7.MEDIA_TYPE, hl7.control_id(job.result, origin, before))


_MAKERS: Mapping[str, Callable[[_Job], Made]] = MappingProxyType(
    {"sr": _report, "gsps": _presentation, "sc": _capture, "fhir": _bundle, "hl7": _message}
)


def _dicom(job: _Job, name: str, dataset: Any, at: datetime | None = None) -> Made:
    data = finished(dataset, at or job.result.told_at)
    uids = (
        str(dataset[tag].value) for tag in ("SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID")
    )
    return Made(name, _name(job, name, "dcm"), data, DICOM, *uids)


def _name(job: _Job, name: str, ending: str) -> str:
    return f"{name}-{job.result.key[:12]}.{ending}"
