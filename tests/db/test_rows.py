"""The rows that the writer keeps are the tables' own columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from fivapp_whatsapp.db.migrate import modules
from fivapp_whatsapp.db.row import Row
from fivapp_whatsapp.db.rows import ROWS
from fivapp_whatsapp.db.tables import TABLES, Migrations, column_names


def _texts(tables: str | Sequence[str]) -> str:
    return tables if isinstance(tables, str) else "\n".join(tables)


DDL = "\n".join(_texts(getattr(module, "TABLES", "")) for module in modules())
BY_NAME = {table._meta.tablename: table for table in TABLES if table is not Migrations}


def test_every_table_has_its_row() -> None:
    assert {row.table for row in ROWS} == set(BY_NAME)


@pytest.mark.parametrize("row", ROWS)
def test_a_rows_fields_are_the_tables_columns_in_their_order(row: type[Row]) -> None:
    assert row.__struct_fields__ == column_names(BY_NAME[row.table])


@pytest.mark.parametrize("row", ROWS)
def test_a_rows_key_is_the_databases_key(row: type[Row]) -> None:
    # The message's key stands apart in the statement, since SQLite has a second one.
    expected = ("id",) if row.table == "fivapp_message" else _primary_key(row.table)
    assert row.primary_key == expected


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_known_by_its_key(row: type[Row]) -> None:
    values = {name: f"value of {name}" for name in row.__struct_fields__}
    made = row.of(values.values())
    assert made.identity == tuple(values[name] for name in row.primary_key)


def _primary_key(table: str) -> tuple[str, ...]:
    # A table that was made anew is as it was made last.
    *_, body = re.findall(rf"CREATE TABLE IF NOT EXISTS {table} \((.*?)\n\)", DDL, re.DOTALL)
    if several := re.search(r"PRIMARY KEY \((.*?)\)", body):
        return tuple(several[1].split(", "))
    [one] = re.findall(r"(\w+) TEXT NOT NULL PRIMARY KEY", body)
    return (one,)
