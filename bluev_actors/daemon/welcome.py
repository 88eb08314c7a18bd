"""The page at `/`: what this is, and where to go on."""

from __future__ import annotations

from typing import Final

CONTENT_POLICY: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>BlueV Actors</title>
<h1>BlueV Actors</h1>
<p>A real-time workflow daemon. It is running, and this is its front door; there is no console here yet.</p>
<p>Clients talk to it over a WebSocket at <code>/ws/{session_id}</code>. What it can be asked with a browser:</p>
<ul>
<li><a href="/api/runs">the runs</a>, newest first</li>
<li><a href="/api/nodes">the node types</a>, with their ports and params</li>
<li><a href="/api/connections">the connections</a></li>
<li><a href="/api/tree">the supervision tree</a></li>
<li><a href="/schema/workflow.json">the schema of a workflow</a>, for editors</li>
<li><a href="/healthz">is it alive?</a> and <a href="/readyz">does it take work?</a></li>
</ul>
<p>On the command line: <code>bluev-actors example hello &gt; hello.json</code>, then
<code>bluev-actors run hello.json --url</code> and this page's address.</p>
</html>
"""
