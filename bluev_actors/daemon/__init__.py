"""The process that listens: sockets, HTTP and what clients say to each other through it.

From the ground up: `streams`, `frames`, `outbox` and `socket` carry bytes, `guard`, `request`, `http` and `asgi` are
the front door, `config` and `limits` say how; `feed`, `audience`, `sessions` and `event_frames` are what is known of
who is connected, `conversation` is one of them, and the `hub` is where they meet; `commands`, `dispatch` and `rest` do
what is asked for; `publisher` and `heartbeat` speak first. `connection` is the actor of one stream, `tree` says who
owns what, and `server` is the whole life of a daemon. Begin with `tree`.
"""
