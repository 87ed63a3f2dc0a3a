"""Every sentence the gate says: a stable code, what was found, what to do. docs/clinical-use.md explains them.

In: nothing. Out: Notices by code. A message never holds a name, an identifier or an age.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cxr_core.errors import Refusal
from cxr_core.records import Notice

NO_CHEST = (
    "The picture does not look like a chest film. Send the frontal chest film itself; if it is one, have it screened "
    "anyway."
)
OTHER_PART = "Send chest films; if the entry is wrong, mend it at its source or have it screened anyway."
LATERAL = (
    "The film is a lateral view; the models know frontal views only. Send the frontal film of this study; if the entry "
    "is wrong, have it screened anyway."
)

_ABOUT = {
    "unlike_films": "The picture is unlike the chest films that the models know. Look at it before you trust a score.",
    "body_part_doubtful": "The file names another part of the body, and the picture looks like a chest. Check the "
    "entry at its source.",
    "child": "The patient is under 18, and the models were trained on adults almost alone. Read the film without them.",
    "may_be_inverted": "Black and white may be exchanged. Compare with the original; export it again if they are.",
    "may_be_turned": "The film may lie on its side or upside down. Turn it at its source and send it again.",
    "may_be_mirrored": "Left and right may be exchanged, or the heart lies on the right. Compare with the side marker.",
    "lungs_cut_off": "A part of the lungs seems to lie outside the picture. What is not on it cannot be found.",
    "poor_exposure": "The film seems over- or underexposed, very noisy or blurred. Low scores mean little here.",
    "orientation_doubtful": "The file's orientation and the picture disagree; shown as stored. See the side marker.",
    # mended
    "inverted_by_pixels": "Black and white were exchanged; the film was screened and is shown with bone bright. "
    "Compare with the original.",
    "turned_90_mended": "The film lay on its side; it was screened and is shown upright. Compare with the original.",
    "turned_180_mended": "The film was upside down; it was screened and is shown upright. Compare with the original.",
    "turned_270_mended": "The film lay on its side; it was screened and is shown upright. Compare with the original.",
    "mirrored_mended": "Left and right were exchanged; the film was screened and is shown the usual way round. Compare "
    "with the side marker.",
}

NOTICES: Mapping[str, Notice] = MappingProxyType({code: Notice(code, text) for code, text in _ABOUT.items()})

UNCHECKED = Notice(
    "pictures_not_checked",
    "Pictures are not checked for what they show: the gate's model is not here or CXR_GATE is not on. Entries in DICOM "
    "files are still honoured.",
)


def overridden(refusal: Refusal) -> Notice:
    """The permanent warning of a film that was refused and is screened all the same."""
    return Notice("overridden", f"Refused ({refusal.code}) and screened all the same, on request. {refusal.message}")
