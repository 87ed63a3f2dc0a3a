"""A film's bytes as they came in -> what exporters need of it: where it comes from, its greys, how these were made.

In: bytes, the screening that was made of them, settings. Out: an Origin, greys as read and as shown, a Curve. Each is
made when it is asked for: a report of numbers decodes no pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cxr_core.errors import NotExportable, Refusal
from cxr_core.export.gsps import Curve
from cxr_core.export.origin import ALSO, Origin, origin_of_dicom, origin_of_picture
from cxr_core.gate import mended
from cxr_core.read import read
from cxr_core.read.dataset import BROKEN, layout_of, looks_like_dicom, number, parse, present
from cxr_core.read.decode import first_frame
from cxr_core.read.quiet import contain
from cxr_core.records import Radiograph, Screening
from cxr_core.settings import Settings


@dataclass(frozen=True)
class Film:
    """One film of the store."""

    data: bytes
    screening: Screening
    settings: Settings

    @cached_property
    def is_dicom(self) -> bool:
        """Whether it came as DICOM."""
        return looks_like_dicom(self.data)

    @cached_property
    def origin(self) -> Origin:
        """Its study, series, instance and patient; NotExportable where not even a header can be read."""
        sha256 = self.screening.sha256
        if not self.is_dicom:
            film = self.as_read
            return origin_of_picture(sha256, film.width, film.height)
        try:
            return contain(
                lambda: origin_of_dicom(parse(self.data, self.settings, whole=False, also=ALSO), sha256), BROKEN
            )
        except Refusal as exc:
            raise NotExportable(f"the film's header cannot be read, so nothing can refer to it: {exc}") from exc

    @cached_property
    def as_read(self) -> Radiograph:
        """The film as its file shows it, not mended; NotExportable where it has no picture."""
        try:
            return read(self.data, self.screening.file, self.settings, self.screening.sha256)
        except Refusal as exc:
            raise NotExportable(f"the film has no picture that could be exported: {exc}") from exc

    @property
    def as_shown(self) -> Radiograph:
        """The film as it was judged: boxes are in its pixels."""
        return mended(self.as_read, (notice.code for notice in self.screening.warnings))

    def curve(self) -> Curve | None:
        """Greys of the film as read by the values that a viewer of the file has; None for a film in colour."""
        if not self.is_dicom or self.origin.made:
            # What goes into the archive is the Secondary Capture: its stored values are the greys.
            top = np.array([0.0, 255.0 if self.narrow else 65535.0])
            return Curve(top, np.array([0.0, 1.0]))
        return contain(self._curve, BROKEN)

    @property
    def narrow(self) -> bool:
        """Whether eight bits hold all of it."""
        greys = self.as_read.pixels
        return bool(np.array_equal(greys >> 8, greys & 255))

    def _curve(self) -> Curve | None:
        dataset = parse(self.data, self.settings)
        stored, _ = first_frame(dataset, layout_of(dataset, self.settings))
        if stored.ndim != 2:
            return None
        values, places = np.unique(stored, return_index=True)
        greys = self.as_read.pixels.reshape(-1)[places] / 65535.0
        slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
        if present(dataset, "ModalityLUTSequence") or not slope:
            # A state without a modality transform works on stored values (PS3.4 N.2.1), whatever the file would do.
            return Curve(values.astype(np.float64), greys)
        shown = values.astype(np.float64) * slope + (intercept or 0.0)
        return Curve(shown, greys, slope, intercept or 0.0)
