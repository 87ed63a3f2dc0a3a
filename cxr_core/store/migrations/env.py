"""What Alembic runs for each migration: on the connection, and in the transaction, that migrate.py gives it."""

from alembic import context

from cxr_core.store.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
