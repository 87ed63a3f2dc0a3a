"""The published small CNN: COVID-19 against Normal on a balanced draw of the radiography database."""

from __future__ import annotations

from cxr_core.records import COVID
from training import covid, radiography
from training.classifier import Classifier
from training.recipe import Augment, Label

_DATA = {
    "source": "COVID-19 Radiography Database at 256 px: a balanced draw of COVID-19 films and films without pneumonia; "
    "measured too on its held-out fold, on SIIM-FISABIO-RSNA COVID-19 2021 and on covid-chestxray-dataset (ieee8023)",
    "eligibility": "frontal films; copies and patients grouped before splitting",
    "reference standard": "the source's own diagnosis; SIIM: radiologists' reading of appearance, not a test",
}

_LIMITS = (
    "The published accuracy of 0.985 is not reached, inside its own collection either; it was still learning when it "
    "was stopped after 620 steps of 32 films. On SIIM it is a coin toss. Do not rely on it.",
    "A lesson more than a tool: the published small network, trained as published on a few hundred films of one "
    "collection. Such a network's high figures are reached only inside its collection.",
    "COVID-19 and other films of that collection come from different hospitals: the hospital alone answers the "
    "question. On SIIM, where both come from one challenge set, and outside, read how little is left.",
    "It has seen no other disease: any pneumonia, effusion or unusual film may get any score.",
    "It is never flagged by and never ranks the worklist; it is shown beside the detectors as a second opinion.",
    "Calibration and operating points were chosen on the held-out fold that the figures come from, a third of it "
    "COVID-19: elsewhere the score is no probability.",
)

RECIPE = Classifier(
    name="covid_cnn",
    title="Small published CNN (radiography)",
    task="classification of COVID-19 against films without pneumonia",
    labels=(Label(covid.POSITIVE, COVID, "soon"),),
    targets=(covid.COVID,),
    read=radiography.read_two,
    strata={"covid": 16, "normal": 16},
    films=196,
    validation=0.25,
    body="cnn",
    size=224,
    cache_size=224,
    # rescaling, shear, zoom and flip, as published; no other view
    augment=Augment(
        flip=True,
        shear=0.1,
        scale=(0.8, 1.2),
        rotation=0.0,
        aspect=0.0,
        shift=0.0,
        squeeze_chance=0.0,
        gamma=0.0,
        contrast=0.0,
        brightness=0.0,
        noise_chance=0.0,
        blur_chance=0.0,
    ),
    frozen_blocks=0,
    trunk_rate=1e-3,
    head_rate=1e-3,
    decay=0.0,
    warm_up=0,
    average=0.0,
    steady=True,
    dropout=0.25,  # of the dense layer, half of it after each pooling: with twice as much it learnt at half the pace
    steps=400,  # forty-three rounds of the drawn films
    evaluation="two",
    data=_DATA,
    limits=_LIMITS,
)
