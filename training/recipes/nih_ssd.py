"""Eight signs of NIH ChestX-ray14 with radiologists' boxes, one box a sign and image."""

from __future__ import annotations

from cxr_core.card import Decoding
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
    "All films are of one hospital: expect worse on films of another, and thresholds that flag more or fewer films.",
    "How a box's score follows from place and film, from which overlap on boxes are merged, and that the heat has a "
    "say in the image score was chosen among a dozen ways on one or two of the five folds: AUC, hits, precision and "
    "sensitivity are a little flattered.",
    "Eight labels at once add up: see in the table how many films without a finding some label flags at each preset.",
    "Mass, Nodule and Pneumothorax have about ten boxes a fold, some fifty in all: their figures are rough guesses.",
    "Cardiomegaly flatters every mean: one fixed box hits it nearly always. Read the figures without it.",
    "Half the films carry a sign, far more than on a ward: scores are too high for a ward.",
    "Held back by 734 boxed films and twenty minutes on one CPU core a network: the place of a box, not its size, is "
    "what it gets wrong, and average precision suffers twice, from place and from the order of films. What would help, "
    "best first: more boxes; all 112,120 films of ChestX-ray14 for the image scores; a GPU, for trained batch "
    "normalisation and for 448 to 512 pixels, which Nodule and Mass need; several networks distilled into one.",
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
    classes=nih.CLASSES,
    strata={"boxed": 7, "opacity": 1, "labelled": 4, "clear": 4},
    weights=Weights(pooled=3.0, attended=2.0, location=1.0, heat=0.3, giou=2.0),
    place="softmax",
    size=288,
    cache_size=384,
    frozen_blocks=5,  # from a trunk that has seen thousands of films: its edges stay
    minutes=50.0,
    evaluation="nih",
    decoding=Decoding(iou=0.3),  # a sign has one box as a rule: what overlaps so much is one guess of it, and averaged
    data=_DATA,
    limits=_LIMITS,
)
