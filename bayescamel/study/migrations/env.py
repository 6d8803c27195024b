"""Alembic's entry: runs the revisions on the connection that `bayescamel.study.database` gives."""

from alembic import context

from bayescamel.study.schema import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
)
# The caller's transaction is the one: a migration is there as a whole or not at all.
context.run_migrations()
