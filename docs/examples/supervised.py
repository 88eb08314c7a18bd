"""A tree that crashes and heals: the ledger keeps what a crash of the till must not lose."""

import trio

from bluev_actors import Actor, Ref, child, handles, open_system
from bluev_actors.actors import render


class Ledger(Actor[int]):
    total = 0

    @handles
    def add(self, price: int) -> None:
        assert price > 0, "nobody is paid for buying"
        self.total += price
        print("sold for", price, "which makes", self.total)


class Till(Actor[str]):
    def __init__(self, ledger: Ref[int]) -> None:
        self.ledger = ledger

    @handles
    def sell(self, price: str) -> None:
        self.ledger.tell(int(price))


async def main() -> None:
    async with open_system(strategy="rest_for_one") as system:
        system.subscribe(lambda event: print(type(event).__name__, event.path, event.incarnation))
        ledger = await system.start(Ledger)
        till = await system.start(child("till", lambda: Till(ledger)))
        for price in ("3", "four", "5", "-1", "2"):
            till.tell(price)
        await trio.sleep(1)
        print(render(system.tree()))


if __name__ == "__main__":
    trio.run(main)
