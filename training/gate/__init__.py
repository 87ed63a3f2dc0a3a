"""The learnt gate: is this a frontal chest film, how is it turned, is it whole. Makes models/gate/.

In: the data folder's real frontal films, and counter-examples that code draws. Out: a model folder whose network
cxr_core.gate runs in front of the detectors. It knows no findings.
"""
