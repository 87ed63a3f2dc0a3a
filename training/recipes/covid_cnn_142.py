"""The published small CNN on the smaller of the two published draws; to compare, not shipped."""

from __future__ import annotations

from dataclasses import replace

from training.recipes import covid_cnn

RECIPE = replace(
    covid_cnn.RECIPE, name="covid_cnn_142", title="Small published CNN on 142 + 142 films", films=142, steps=300
)
