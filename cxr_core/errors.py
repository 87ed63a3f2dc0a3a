"""Everything this product raises on purpose.

    CxrError
    ├── Refusal                   an input we will not screen; has a stable code, never aborts the others
    │   ├── NotAnImage            not_an_image          no known file signature, or text dressed as one
    │   ├── EmptyFile             empty_file
    │   ├── DamagedImage          damaged_image         right signature, broken or truncated content
    │   ├── NoPixels              no_pixels             a DICOM object without pixel data
    │   ├── UnsupportedEncoding   unsupported_encoding  a transfer syntax without a decoder here
    │   ├── NotARadiograph        not_a_radiograph      CT, MR, ultrasound, a colour photograph
    │   ├── NotAChest             not_a_chest_radiograph  the gate: another part of the body, or no X-ray at all
    │   ├── LateralView           lateral_view          the gate: the file says that the film was taken from the side
    │   ├── TooSmall              too_small
    │   ├── TooLarge              too_large             more pixels, bytes or memory than the settings allow
    │   ├── NoContrast            no_contrast           a single grey
    │   ├── UnsafeArchive         unsafe_archive        climbing paths, bombs, encrypted or nested archives
    │   ├── TooMany               too_many              a file beyond the number that one upload or archive may hold
    │   ├── ReaderFailed          reader_failed         the decoder broke down or took too long, and was given up
    │   └── ModelFailed           model_failed          the film was read, but a model could not answer for it
    ├── ModelError                a model folder that cannot be used
    │   ├── ModelNotFound
    │   └── ModelInvalid          card and files disagree, or the signature is not a detector's
    ├── StoreError                the database or the data folder cannot be used
    │   └── ReviewConflict        somebody saved a review of the same film since this one was begun
    ├── ExportError               a result cannot leave
    │   ├── NotExportable         this film has no object of that kind; says which it has
    │   └── DeliveryFailed        the other system did not take it; says whether trying again may help
    ├── ExchangeError             another system cannot be talked with
    │   ├── PeerUnreachable       no connection, or it ended before there was an answer
    │   ├── PeerRefused           it answered no; has its status
    │   └── PeerUnclear           half an answer, or one that the standard does not know
    ├── SettingsError             a CXR_* variable or the site file has a value that makes no sense
    └── RecordError               a record was built with values that contradict each other

A foreign library's exception is translated where it enters (``raise DamagedImage(...) from exc``). Messages say
what was found, what was expected and what to do. They never hold a patient's name, identifier or a header's text.
"""

from __future__ import annotations

from typing import ClassVar


class CxrError(Exception):
    """Base of every error this product raises on purpose."""


class Refusal(CxrError):
    """One input cannot be screened; the others go on.

    ``code`` is stable and meant for programs; the message is one or two sentences meant for people:
    what was found, why that cannot be screened, what to do.
    """

    code: ClassVar[str] = "refused"

    @property
    def message(self) -> str:
        """The sentence shown to the person who supplied the file."""
        return str(self)


class NotAnImage(Refusal):
    """No known file signature."""

    code = "not_an_image"


class EmptyFile(Refusal):
    """Zero bytes."""

    code = "empty_file"


class DamagedImage(Refusal):
    """The signature is right, the content is broken or cut short."""

    code = "damaged_image"


class NoPixels(Refusal):
    """A DICOM object without pixel data (a report, a presentation state, a header only)."""

    code = "no_pixels"


class UnsupportedEncoding(Refusal):
    """A transfer syntax or pixel layout for which no decoder is installed."""

    code = "unsupported_encoding"


class NotARadiograph(Refusal):
    """An image of another kind: CT, MR, ultrasound, a colour photograph."""

    code = "not_a_radiograph"


class NotAChest(Refusal):
    """Pixels or entries say that the picture is no chest film; a clinician may overrule it."""

    code = "not_a_chest_radiograph"


class LateralView(Refusal):
    """A chest film taken from the side, by its file's entries; a clinician may overrule it."""

    code = "lateral_view"


class TooSmall(Refusal):
    """Fewer pixels than a chest radiograph can have."""

    code = "too_small"


class TooLarge(Refusal):
    """More pixels, bytes or memory than the settings allow."""

    code = "too_large"


class NoContrast(Refusal):
    """Every pixel has (almost) the same value."""

    code = "no_contrast"


class UnsafeArchive(Refusal):
    """An archive or a member of it that must not be unpacked."""

    code = "unsafe_archive"


class TooMany(Refusal):
    """A file beyond the number that one upload or archive may hold."""

    code = "too_many"


class ReaderFailed(Refusal):
    """The film's decoder broke down or took longer than allowed; only in a process of its own can that be survived."""

    code = "reader_failed"


class ModelFailed(Refusal):
    """The film was read, but a model could not answer for it."""

    code = "model_failed"


class ModelError(CxrError):
    """A model folder that cannot be used."""


class ModelNotFound(ModelError):
    """No model of that name, or no model at all, in the models folder."""


class ModelInvalid(ModelError):
    """The card and the files disagree, or the signature is not a detector's."""


class StoreError(CxrError):
    """The database or the data folder cannot be used."""


class ReviewConflict(StoreError):
    """Somebody saved a review of the same film since this one was begun; neither was changed."""


class ExportError(CxrError):
    """A result cannot leave."""


class NotExportable(ExportError):
    """This film has no object of that kind; the message says which it has."""


class DeliveryFailed(ExportError):
    """The other system did not take it. ``status`` is its answer, if any; ``retry``: trying again may help."""

    def __init__(self, message: str, *, status: int | None = None, retry: bool = True) -> None:
        super().__init__(message)
        self.status = status
        self.retry = retry


class ExchangeError(CxrError):
    """Another system cannot be talked with. ``status`` is its answer, if any; ``retry``: trying again may help."""

    def __init__(self, message: str, *, status: int | None = None, retry: bool = True) -> None:
        super().__init__(message)
        self.status = status
        self.retry = retry


class PeerUnreachable(ExchangeError):
    """There is no connection to it, or the connection ended before there was an answer."""


class PeerRefused(ExchangeError):
    """It answered no."""


class PeerUnclear(ExchangeError):
    """It answered half, or what the standard does not know."""


class SettingsError(CxrError):
    """A CXR_* variable, or an entry of the site file, has a value that makes no sense."""


class RecordError(CxrError):
    """A record was built with values that contradict each other."""
