"""How older databases become today's. Alembic's folder; migrate.py runs it.

A revision never changes once it is in the hands of a site. New tables and columns stand twice: in the models, from
which a new database is made, and here; a test compares both on SQLite and on PostgreSQL. Columns are added with
``op.add_column`` (both databases can), and never by copying a table: rows below it would be deleted with it.
"""
