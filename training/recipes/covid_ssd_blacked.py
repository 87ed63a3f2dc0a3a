"""A control, never shipped: what a network learns of SIIM's classes from films whose lungs were black all along.

Blacking out the lungs of a finished network's films understates its shortcuts, as it never had to use what lies around
them. This one had nothing else. ``evaluate covid_ssd --blacked RUN`` puts its figure on covid_ssd's card.
"""

from __future__ import annotations

from dataclasses import replace

from training.covid import NEGATIVE
from training.recipe import Weights
from training.recipes import covid_ssd

RECIPE = replace(
    covid_ssd.RECIPE,
    name="covid_ssd_blacked",
    title="Control: SIIM with the lungs blacked out",
    task="control of covid_ssd",
    black=(NEGATIVE,),  # the lungs' box; only SIIM's films have one
    strata={"typical": 8, "negative": 8},
    weights=Weights(pooled=1.0, attended=1.0, location=0.0, heat=0.0, giou=0.0, smoothing=0.05),
    minutes=15.0,
    evaluation="",
)
