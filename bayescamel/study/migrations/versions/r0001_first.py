"""Studies, runs and the log of what happened."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "bayescamel_study",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("validation", sa.JSON(none_as_null=True)),
    )
    op.create_table(
        "bayescamel_run",
        sa.Column("study", sa.Integer, sa.ForeignKey("bayescamel_study.id"), primary_key=True),
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attached", sa.Boolean, nullable=False),
        sa.Column("n_params", sa.Double, nullable=False),
        sa.Column("n_active_params", sa.Double),
        sa.Column("n_tokens", sa.Double),
        sa.Column("mixture", sa.JSON, nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("flops", sa.Double),
        sa.Column("worker", sa.Text),
        sa.Column("lease_until", sa.Double),
        sa.Column("measured", sa.JSON(none_as_null=True)),
        sa.Column("reason", sa.Text),
        sa.CheckConstraint("state in ('pending', 'told', 'failed')", name="known_state"),
    )
    op.create_table(
        "bayescamel_event",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "study", sa.Integer, sa.ForeignKey("bayescamel_study.id"), nullable=False, index=True
        ),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("worker", sa.Text),
        sa.Column("detail", sa.JSON(none_as_null=True)),
    )
