"""Options that several commands have."""

from __future__ import annotations

from typing import Final

import click

DEFAULT_URL: Final = "http://127.0.0.1:8765"
"""As the client's; not taken from there, since many commands need no client and should not wait for one to load."""
URL_VARIABLE: Final = "BLUEV_ACTORS_URL"

daemon_url = click.option(
    "--url",
    default=DEFAULT_URL,
    envvar=URL_VARIABLE,
    show_default=True,
    show_envvar=True,
    metavar="URL",
    help="Where the daemon is.",
)
maybe_url = click.option("--url", metavar="URL", help="Ask this daemon; without it, this process.")
nodes_option = click.option(
    "--nodes", multiple=True, metavar="FILE_OR_MODULE", help="Node types of your own. Repeatable."
)
allow_option = click.option(
    "--allow",
    multiple=True,
    metavar="NAME",
    help="Switch on a node type that touches the outside. Repeatable.",
)
data_dir_option = click.option("--data-dir", metavar="DIR", help="Where runs are kept; without it, in memory.")
allow_host_option = click.option(
    "--allow-host", multiple=True, metavar="HOST", help="A host that http_request may call too. Repeatable."
)
files_root_option = click.option("--files-root", metavar="DIR", help="The folder that nodes' files are confined to.")
secrets_option = click.option("--secrets-file", metavar="FILE", help="TOML with the secrets that workflows name.")
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")
workflow_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, readable=True))
run_argument = click.argument("run")
