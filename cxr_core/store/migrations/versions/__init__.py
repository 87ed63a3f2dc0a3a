"""One file a revision of the tables, in the order of their numbers."""
