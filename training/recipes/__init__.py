"""One file a system; each defines RECIPE."""
