"""Pykka in the actor bench: actors as threads with unbounded mailboxes."""

from __future__ import annotations

import threading
from time import perf_counter

import pykka
from bench.actor_case import Tick
from bench.duels import Case


class Sink(pykka.ThreadingActor):
    """Takes ticks, and rings when it has had them all; gives numbers back."""

    def __init__(self, times: int, done: threading.Event) -> None:
        super().__init__()
        self.left = times
        self.done = done

    def on_receive(self, message: object) -> object:
        """Count down."""
        if isinstance(message, Tick):
            self.left -= 1
            if not self.left:
                self.done.set()
        return message


def tell(times: int) -> float:
    """One sender, one actor."""
    done = threading.Event()
    ref = Sink.start(times, done)
    began = perf_counter()
    for number in range(times):
        ref.tell(Tick("n", number))
    done.wait()
    took = perf_counter() - began
    ref.stop()
    return times / took


def ask(times: int) -> float:
    """One asker."""
    ref = Sink.start(0, threading.Event())
    began = perf_counter()
    for number in range(times):
        ref.ask(number)
    took = perf_counter() - began
    ref.stop()
    return times / took


CASES = (Case("pykka: tell", tell, 20_000), Case("pykka: ask", ask, 2_000))
