"""COVID-19 appearance and its opacities: SIIM and the radiography database in source-balanced batches."""

from __future__ import annotations

from cxr_core.records import COVID
from training import covid
from training.recipe import Augment, Label, Recipe, Weights

_DATA = {
    "source": "SIIM-FISABIO-RSNA COVID-19 2021 (appearance classes and opacity boxes) and the COVID-19 Radiography "
    "Database (COVID-19, films without pneumonia, Viral Pneumonia), both at 256 px; only measured: "
    "covid-chestxray-dataset (ieee8023)",
    "eligibility": "frontal films; copies between the sources and patients grouped before splitting",
    "reference standard": "SIIM: radiologists' reading of appearance, not a test; radiography and ieee8023: the "
    "source's own diagnosis; boxes: radiologists' opacity boxes (positive), the lungs' bounding box (negative)",
}

_LIMITS = (
    "It sees opacity, not the virus. Outside its sources it hardly tells COVID-19 from another pneumonia: read the "
    "figures of ieee8023 before believing any other.",
    "Positive means SIIM's Typical appearance. A COVID-19 patient with a clear film is not flagged.",
    "Classes of the radiography database come from different hospitals, its viral pneumonias from children: that "
    "figure can be reached by recognising the hospital, and says little about patients.",
    "Blacking out the lungs at test time understates shortcuts: a network trained without lungs finds more. Read the "
    "figure of the retrained control where it is given: so much of the answer lies outside the lungs.",
    "Calibrated on SIIM's Typical and Negative films, 6 in 10 of them positive: on a ward the score is too high as a "
    "probability.",
    "SIIM tells no view, sex or age of its patients: whether the score serves all of them alike is not known.",
    "Held back by films of 256 px and by CPU cores: AUC and boxes were still rising with training time. What would "
    "help, best first: films of tested patients, sick and well, from one hospital; full-size films; a GPU for trained "
    "batch normalisation and an adversary for the source; pretraining with opacity boxes of other collections.",
)

RECIPE = Recipe(
    name="covid_ssd",
    title="COVID-19 appearance with opacity boxes (SIIM, radiography)",
    task="detection of COVID-19 appearance",
    labels=(Label(covid.NEGATIVE, None, "routine"), Label(covid.POSITIVE, COVID, "soon")),
    box_classes=covid.BOX_CLASSES,
    targets=covid.TARGETS,
    attended=len(covid.TARGETS),
    read=covid.read,
    classes=covid.CLASSES,
    # both classes from each source in every batch, so that the source says little about the class
    strata={"typical": 4, "negative": 4, "uncertain": 2, "covid": 3, "normal": 2, "viral": 1},
    weights=Weights(pooled=1.0, attended=1.0, location=0.0, heat=0.7, giou=1.5, smoothing=0.05),
    place="heat",
    size=224,
    cache_size=256,
    augment=Augment(flip=True, blur_chance=0.3),
    width=96,
    depth=2,
    fine=False,
    minutes=35.0,
    evaluation="covid",
    data=_DATA,
    limits=_LIMITS,
)
