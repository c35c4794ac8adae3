"""Vectors on the way to the database."""

import psycopg
from pgvector.psycopg import register_vector
from sqlalchemy import Connection

_KNOWN = "vectors are registered"


def vector_driver(connection: Connection) -> psycopg.Connection:
    """The driver's own connection, which takes vectors and bits as parameters.

    They are registered once per connection: pgvector makes classes each time that never go again,
    which would fill the memory of a worker that runs for months.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    if _KNOWN not in connection.connection.info:
        register_vector(driver)
        connection.connection.info[_KNOWN] = True
    return driver
