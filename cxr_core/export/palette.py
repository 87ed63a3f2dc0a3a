"""One fixed look for each class, the same as on the screen: red, green, blue and a dash pattern.

Exports leave without the app, so they have their own copy of ui/theme.py's table; a test holds the two equal. Colour is
never alone: every box has its dash pattern and its label's text.
"""

from __future__ import annotations

from dataclasses import dataclass

from cxr_core.records import COVID


@dataclass(frozen=True, slots=True)
class Look:
    """``rgb`` 0 to 255 each; ``dash``: lengths of stroke and gap in screen pixels, empty for a solid line."""

    rgb: tuple[int, int, int]
    dash: tuple[int, ...] = ()


LOOKS: dict[str, Look] = {
    COVID: Look((0xFF, 0xFF, 0xFF), (7, 4)),
    "Atelectasis": Look((0x63, 0x63, 0xDA)),
    "Cardiomegaly": Look((0xB6, 0x83, 0xFF), (12, 3)),
    "Effusion": Look((0x95, 0xD6, 0xFC)),
    "Infiltrate": Look((0xE1, 0x83, 0x00), (2, 3)),
    "Mass": Look((0x9A, 0x61, 0x85)),
    "Nodule": Look((0x41, 0xB2, 0x98), (4, 2)),
    "Pneumonia": Look((0xEB, 0xD0, 0x1A), (10, 3, 2, 3)),
    "Pneumothorax": Look((0xCB, 0x42, 0x16)),
}
OTHER = Look((0x9A, 0xA3, 0xAD))
"""A label that is none of the nine, of somebody else's model."""
