"""What a run that ended costs where that is not its FLOPs, and which process holds a lease."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns; runs that ended before cost their FLOPs, and no holder is known."""
    op.add_column("bayescamel_run", sa.Column("cost", sa.Double))
    op.add_column("bayescamel_run", sa.Column("holder", sa.Text))
