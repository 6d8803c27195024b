"""The tables of a study, as the newest revision in `migrations` leaves them."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
)

REVISIONS = ("0001", "0002", "0003")
"""A test holds them against the folder of migrations, and the newest against these tables."""

REVISION = REVISIONS[-1]

VERSION_TABLE = "bayescamel_version"

metadata = MetaData()

study = Table(
    "bayescamel_study",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created", Double, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("validation", JSON(none_as_null=True)),
)

run = Table(
    "bayescamel_run",
    metadata,
    Column("study", Integer, ForeignKey("bayescamel_study.id"), primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attached", Boolean, nullable=False),
    Column("n_params", Double, nullable=False),
    Column("n_active_params", Double),
    Column("n_tokens", Double),
    Column("mixture", JSON, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("flops", Double),
    Column("worker", Text),
    Column("lease_until", Double),
    Column("measured", JSON(none_as_null=True)),
    Column("reason", Text),
    Column("seconds", Double),
    Column("device", Text),
    Column("cost", Double),
    Column("holder", Text),
)

event = Table(
    "bayescamel_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study", Integer, ForeignKey("bayescamel_study.id"), nullable=False, index=True),
    Column("time", Double, nullable=False),
    Column("kind", Text, nullable=False),
    Column("run_id", Text),
    Column("worker", Text),
    Column("detail", JSON(none_as_null=True)),
)
