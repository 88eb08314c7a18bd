"""The SQL by which a store is written; each takes its values by place."""

from __future__ import annotations

from typing import Final

ADD_SHAPE: Final = "INSERT INTO shapes VALUES (?, ?, ?)"
ADD_EVENT: Final = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"
ADD_OUTPUTS: Final = "INSERT INTO outputs VALUES (?, ?)"
ADD_GRAPH: Final = "INSERT OR IGNORE INTO graphs VALUES (?, ?)"
OPEN_RUN: Final = "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, ?)"
SET_STATUS: Final = "UPDATE runs SET status = ?, ended_at = ? WHERE number = ?"
DIG_GRAVE: Final = "INSERT INTO graves SELECT number, graph FROM runs WHERE number = ?"
DROP_RUN: Final = "DELETE FROM runs WHERE number = ?"
EXPIRE: Final = "UPDATE meta SET value = max(value, ?) WHERE key = 'expired'"
SAVE_CHECKPOINT: Final = "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)"
DROP_CHECKPOINT: Final = "DELETE FROM checkpoints WHERE run = ? AND node = ?"
DROP_CHECKPOINTS: Final = "DELETE FROM checkpoints WHERE run = ?"
KEEP_SIGNAL: Final = "INSERT INTO signals VALUES (?, ?, ?, ?)"
TAKE_SIGNAL: Final = "DELETE FROM signals WHERE number = ?"
DROP_SIGNALS: Final = "DELETE FROM signals WHERE run = ?"
KEEP_NOTE: Final = "INSERT OR REPLACE INTO notes VALUES (?, ?, ?)"
DROP_NOTES: Final = "DELETE FROM notes WHERE run = ?"
REMEMBER_REQUEST: Final = "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?)"
DROP_REQUESTS: Final = "DELETE FROM requests WHERE run = ?"
KEEP_CACHED: Final = "INSERT OR REPLACE INTO cache VALUES (?, ?, ?, ?)"
TOUCH_CACHED: Final = "UPDATE cache SET used = ? WHERE fingerprint = ?"
DROP_CACHED: Final = "DELETE FROM cache WHERE fingerprint = ?"
PUT_DOCUMENT: Final = "INSERT OR REPLACE INTO documents VALUES (?, ?, ?)"
DROP_DOCUMENT: Final = "DELETE FROM documents WHERE family = ? AND name = ?"

SWEEP_OUTPUTS: Final = (
    "DELETE FROM outputs WHERE cursor IN (SELECT cursor FROM events WHERE run = ? ORDER BY seq LIMIT ?)"
)
SWEEP_EVENTS: Final = (
    "DELETE FROM events WHERE cursor IN (SELECT cursor FROM events WHERE run = ? ORDER BY seq LIMIT ?)"
)
DROP_GRAPH: Final = "DELETE FROM graphs WHERE digest = ? AND NOT EXISTS (SELECT 1 FROM runs WHERE graph = ?)"
FILL_GRAVE: Final = "DELETE FROM graves WHERE run = ?"
