"""An empty PostgreSQL database on the server that BAYESCAMEL_TEST_POSTGRESQL names."""

import os
import uuid
from collections.abc import Iterator

SERVER = "BAYESCAMEL_TEST_POSTGRESQL"


def new_postgresql() -> Iterator[str]:
    """Its URL; it is dropped afterwards."""
    import psycopg

    server = os.environ[SERVER]
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield server.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
