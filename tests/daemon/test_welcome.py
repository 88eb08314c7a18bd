"""The page for whoever opens the address in a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from bluev_actors.daemon.welcome import CONTENT_POLICY, PAGE
from bluev_actors.testing import open_daemon

VIRTUAL_TIME = True


class Links(HTMLParser):
    """Collects where a page leads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link."""
        if tag == "a":
            self.found.append(dict(attrs)["href"] or "")


async def test_every_link_leads_somewhere() -> None:
    """The page promises nothing that is not there."""
    links = Links()
    links.feed(PAGE)
    assert links.found
    async with open_daemon() as daemon:
        for target in links.found:
            assert (await daemon.request("GET", target)).status == 200


def test_nothing_is_loaded_from_anywhere() -> None:
    """No script, no style, no picture: the policy forbids them and the page has none."""
    assert "default-src 'none'" in CONTENT_POLICY
    assert re.search(r"<(script|style|img|link|iframe)", PAGE) is None
