"""What runs a workflow: actors, no sockets.

`runtime` opens it all in one breath. `runs` starts, finds and forgets runs; `run` is the actor of one, `flow` the
rules it follows and `run_writer` its pen; `node_executor` runs one attempt of a node with a `context`. `journal` keeps
what happened. `node_types`, `nodes/` and `plugins` are the kinds of nodes there are. What users import stands in
`bluev_actors` itself.
"""
