"""Copies of films without their patients: PS3.15 annex E, basic profile, consistent for one patient and one secret.

In: files, a secret, a folder. Out: copies there, under names that tell nothing, and a line about each file. What stays
to be found by eye is text burnt into the pixels: where a file does not say that there is none, that is said.
"""

from cxr_core.deidentify.copies import Copied, deidentify
from cxr_core.deidentify.secret import Secret, site_secret

__all__ = ["Copied", "Secret", "deidentify", "site_secret"]
