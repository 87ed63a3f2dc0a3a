"""Eight signs of NIH ChestX-ray14 with radiologists' boxes, one box a sign and image."""

from __future__ import annotations

from cxr_core.records import NIH_LABELS
from training import nih
from training.recipe import Label, Recipe, Weights

# A pneumothorax can kill within the hour; any other flagged sign is read the same day, the strongest first.
_URGENT = ("Pneumothorax",)

RECIPE = Recipe(
    name="nih_ssd",
    title="Eight signs with boxes (NIH ChestX-ray14)",
    task="detection of eight radiographic signs",
    labels=tuple(Label(name, name, "urgent" if name in _URGENT else "soon") for name in NIH_LABELS),
    box_classes=nih.BOX_CLASSES,
    targets=nih.TARGETS,
    attended=len(NIH_LABELS),
    read=nih.read,
    strata={"boxed": 9, "opacity": 1, "labelled": 3, "clear": 3},
    weights=Weights(pooled=3.0, attended=2.0, location=1.0, heat=0.3, giou=2.0),
    place="softmax",
    size=320,
    cache_size=384,
    minutes=50.0,
    evaluation="nih",
    data=_DATA,
    limits=_LIMITS,
)
