"""Alembic's entry point: migrates over the connection of `nas.ledger.database.migrate`."""

from alembic import context

from nas.ledger.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
