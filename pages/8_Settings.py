"""Settings: the order of the worklist, how common findings are here, named presets, what is kept how long."""

from __future__ import annotations

import streamlit as st

from ui import markup, state
from ui.frame import guarded, page, trouble
from ui.kept_view import kept_section
from ui.policy_form import kept_now, policy_form
from ui.presets import listed
from ui.prevalence import prevalence_form
from ui.removal import removed_section
from ui.site_rules import say_broken, site_rules
from ui.thresholds import current, queue

page("Settings")

with guarded():
    site = state.site()
    trouble()
    rules = site_rules(site.settings)
    say_broken(rules)
    thresholds = current(site)

    left, right = st.columns([1.35, 1], gap="large")
    with left, st.container(key="order"):
        st.subheader("Order of the worklist")
        policy_form(site, rules.policy)
        items = queue(site, thresholds)
        waiting = items.waiting()
        groups = items.group_counts(waiting)
        if kept_now():
            st.success("Kept. The worklist of every reader follows it now.")
        st.html(
            markup.quiet(
                f"As it is kept now, {groups['over']:,} of {len(waiting):,} waiting films are over their limit."
            )
        )
    with right:
        st.subheader("How common each finding is here")
        prevalence_form(site, rules.prevalence)
        st.subheader("Named presets of thresholds")
        listed(site)
    kept_section(site.settings)
    removed_section(site)
    st.html(
        markup.quiet(
            f"Order, shares and retention stand in the site file, {site.settings.resolved_site_file.name}, which may "
            "also be edited by hand; comments are lost when this page writes it. Thresholds and presets stand in the "
            "database, under the models they belong to."
        )
    )
