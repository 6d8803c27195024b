"""How long a run took, and on what: from these a device's seconds per FLOP are learned."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; of runs that were told before, neither is known."""
    op.add_column("bayescamel_run", sa.Column("seconds", sa.Double))
    op.add_column("bayescamel_run", sa.Column("device", sa.Text))
