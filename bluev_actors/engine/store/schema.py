"""The tables of a store, and the steps that lead from one version of them to the next.

`runs.number` stands for the run in every other table. `graves` holds the runs that were forgotten and whose rows are
still to be deleted, some at a time.
"""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x426C7556
"""Marks a SQLite file as a journal of ours: `BluV`."""

STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
        "CREATE TABLE shapes (number INTEGER PRIMARY KEY, name TEXT NOT NULL, fields TEXT NOT NULL)",
        "CREATE TABLE graphs (digest BLOB PRIMARY KEY, document BLOB NOT NULL)",
        """CREATE TABLE runs (
            number INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, workflow_id TEXT NOT NULL,
            session_id TEXT NOT NULL, principal TEXT NOT NULL, accepted_at REAL NOT NULL,
            status TEXT NOT NULL, ended_at REAL, graph BLOB NOT NULL, body BLOB NOT NULL)""",
        "CREATE INDEX runs_by_graph ON runs (graph)",
        """CREATE TABLE events (
            cursor INTEGER PRIMARY KEY, run INTEGER NOT NULL, seq INTEGER NOT NULL,
            at REAL NOT NULL, shape INTEGER NOT NULL, body BLOB)""",
        "CREATE UNIQUE INDEX events_by_run ON events (run, seq)",
        "CREATE TABLE outputs (cursor INTEGER PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE checkpoints (run INTEGER, node TEXT, body BLOB NOT NULL, PRIMARY KEY (run, node))",
        "CREATE TABLE signals (number INTEGER PRIMARY KEY, run INTEGER NOT NULL, node TEXT NOT NULL, body BLOB)",
        "CREATE INDEX signals_by_run ON signals (run)",
        "CREATE TABLE notes (run INTEGER, name TEXT, body BLOB NOT NULL, PRIMARY KEY (run, name))",
        """CREATE TABLE requests (
            session TEXT, request TEXT, run INTEGER NOT NULL, digest BLOB NOT NULL, answer BLOB NOT NULL,
            PRIMARY KEY (session, request))""",
        "CREATE INDEX requests_by_run ON requests (run)",
        """CREATE TABLE cache (
            fingerprint BLOB PRIMARY KEY, body BLOB NOT NULL, expires_at REAL, used INTEGER NOT NULL)""",
        "CREATE TABLE documents (family TEXT, name TEXT, body BLOB NOT NULL, PRIMARY KEY (family, name))",
        "CREATE TABLE graves (run INTEGER PRIMARY KEY, graph BLOB NOT NULL)",
        "INSERT INTO meta VALUES ('epoch', lower(hex(randomblob(16)))), ('expired', 0)",
    ),
)
"""What leads from version n to n + 1. A step that was ever released is never changed."""

VERSION: Final = len(STEPS)
"""The version that this code reads and writes."""
