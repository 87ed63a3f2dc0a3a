"""A detection test: a shipped model over a folder of films; annotated pictures and a summary come out.

films.py finds films and what is known of them, drawing.py draws, journal.py remembers, tally.py counts, run.py joins.
"""
