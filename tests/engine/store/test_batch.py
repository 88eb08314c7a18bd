from __future__ import annotations

from bluev_actors.engine.store.batch import ROW_BYTES, Batch


def test_an_empty_batch_is_nothing() -> None:
    """Anything in it is something, also an effect alone, which only counts as no write."""
    assert not Batch(1)
    with_write, with_event, with_checkpoint, with_effect = (Batch(number) for number in range(4))
    with_write.write("DELETE", 1)
    with_event.events.append((1, 1, 1, 0.0, 1, b""))
    with_checkpoint.checkpoints[(1, "a")] = 1
    with_effect.effects.append(print)
    batches = (with_write, with_event, with_checkpoint, with_effect)
    assert all(batches)
    assert list(map(len, batches)) == [1, 1, 1, 0]


def test_writes_are_weighed() -> None:
    """By their texts and bytes, and a little for each row."""
    batch = Batch(1)
    batch.write("INSERT", 1, "abc", b"12345", None)
    assert batch.writes == [("INSERT", (1, "abc", b"12345", None))]
    assert batch.size == ROW_BYTES + 8
