"""What a journal is made of: the parts that both journals share, and the store on SQLite.

`ledger` holds events, `shelf` the small facts of a run, `audience` whoever listens; `memory_journal` needs no more.
`sqlite_journal` adds the folder on disk: `batch` collects what is to be written, `writer` is the actor that has it
written, `database` speaks SQL with the texts of `schema`, `event_codec` and `record_codec` turn records into bytes
and back, and `opening` is the door with its lock.
"""
