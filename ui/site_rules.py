"""What the site file says that pages ask for: the policy and how often each finding is among the site's films.

In: settings. Out: rules; what is broken is said, and the defaults stand in for it, so that a page goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from cxr_core.errors import SettingsError
from cxr_core.operating import Prevalence, prevalence_of
from cxr_core.settings import Settings
from cxr_core.site import read_site
from cxr_core.triage import Policy, policy_of


@dataclass(frozen=True, slots=True)
class Rules:
    """``prevalence`` has a usual share for what the site has not written down; ``broken`` says what is wrong."""

    policy: Policy = field(default_factory=Policy)
    prevalence: Prevalence = field(default_factory=Prevalence)
    broken: str = ""


def site_rules(settings: Settings) -> Rules:
    """The rules of the site; the defaults for each section that cannot be used."""
    try:
        site = read_site(settings)
    except SettingsError as exc:
        return Rules(broken=f"The site file cannot be used, so the defaults stand in for it. {exc}")
    policy, prevalence, broken = Policy(), Prevalence(), []
    try:
        policy = policy_of(site)
    except SettingsError as exc:
        broken.append(f"The order of the worklist is the default, not this site's. {exc}")
    try:
        prevalence = prevalence_of(site)
    except SettingsError as exc:
        broken.append(f"The prevalence is the default, not this site's. {exc}")
    return Rules(policy, prevalence, " ".join(broken))


def say_broken(rules: Rules) -> None:
    """On every page that uses the rules: what is wrong with the site file, as long as it is."""
    if rules.broken:
        st.warning(rules.broken)
