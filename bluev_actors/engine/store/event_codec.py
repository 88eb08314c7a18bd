"""Run events as bytes and back.

An event is stored as the list of its fields, under the number of its *shape*: the class's name and the names of the
fields. The shapes are stored once, beside the events, as whoever wrote them had them. So a later version, whose classes
may have more fields or fewer, reads by name what is in the list by place: what it does not know it leaves out, and what
it misses has its default.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args, get_origin, get_type_hints

from attrs import fields_dict, frozen

from bluev_actors.engine.store.json_bytes import from_bytes, to_bytes
from bluev_actors.errors import StoreTooNewError
from bluev_actors.workflows.run_events import ErrorDetail, RunEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

EVENT_CLASSES: Final[dict[str, type[RunEvent]]] = {cls.__name__: cls for cls in get_args(RunEvent)}

_Restore: TypeAlias = "Callable[[Any], Any]"


@frozen
class Shape:
    """How an event lies in its list.

    Attributes:
        number: what stands beside the list; 1 or more.
        name: the class of the event.
        fields: the names of its fields, in the order of the list.
    """

    number: int
    name: str
    fields: tuple[str, ...]


class EventCodec:
    """Writes events in the shapes of this version, and reads those in any shape that it was given.

    Args:
        shapes: what is known of the store; shapes of this version that are missing get the next numbers.

    Attributes:
        new_shapes: those that were missing, to be stored before the first event that has one of them.
    """

    def __init__(self, shapes: Iterable[Shape] = ()) -> None:
        known = {(shape.name, shape.fields): shape for shape in shapes}
        self.new_shapes: list[Shape] = []
        self._readers = {shape.number: _Reader(shape) for shape in known.values()}
        self._writers: dict[type[RunEvent], tuple[int, Callable[[Any], Sequence[Any]]]] = {}
        for cls in EVENT_CLASSES.values():
            shape = known.get((cls.__name__, tuple(fields_dict(cls)))) or self._new_shape(cls)
            self._writers[cls] = (shape.number, attrgetter(*shape.fields))

    def _new_shape(self, cls: type[RunEvent]) -> Shape:
        shape = Shape(max(self._readers, default=0) + 1, cls.__name__, tuple(fields_dict(cls)))
        self._readers[shape.number] = _Reader(shape)
        self.new_shapes.append(shape)
        return shape

    def encode(self, event: RunEvent) -> tuple[int, bytes]:
        """The number of the event's shape, and its fields."""
        number, values_of = self._writers[event.__class__]
        return number, to_bytes(values_of(event))

    def decode(self, number: int, body: bytes) -> RunEvent:
        """The event of these fields.

        Raises:
            StoreTooNewError: it is of a kind that this version does not know.
        """
        return self._readers[number].read(from_bytes(body))


class _Reader:
    """Makes events of the lists of one shape."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._class = EVENT_CLASSES.get(shape.name)
        known = fields_dict(self._class) if self._class is not None else {}
        self._by_place = tuple(known) == shape.fields
        self._names = [name if name in known else None for name in shape.fields]
        hints = get_type_hints(self._class) if self._class is not None else {}
        restorers = ((place, _restorer(hints.get(name))) for place, name in enumerate(shape.fields))
        self._restore: list[tuple[int, _Restore]] = [(place, it) for place, it in restorers if it is not None]

    def read(self, values: list[Any]) -> RunEvent:
        if self._class is None:
            raise StoreTooNewError(f"the journal holds an event {self._shape.name!r}, which this version does not know")
        for place, restore in self._restore:
            values[place] = restore(values[place])
        if self._by_place:
            return self._class(*values)
        return self._class(**{name: value for name, value in zip(self._names, values, strict=True) if name is not None})


def _restorer(form: object) -> _Restore | None:
    """What turns JSON into the value that a field of this annotation had; None when it is that value."""
    if form is ErrorDetail:
        return _error
    return tuple if get_origin(form) is tuple else None


def _error(value: dict[str, Any]) -> ErrorDetail:
    known = fields_dict(ErrorDetail)
    return ErrorDetail(**{name: it for name, it in value.items() if name in known})
