"""Runs the revisions on the connection that gateway/journal/schema.py hands over, inside its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
