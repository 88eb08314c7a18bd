"""The terminal: the command `bluev-actors`, a file for each family of commands, loaded when one of them is called.

    main.py             the front desk: which commands there are, and how errors are told
    serve.py            the daemon in the foreground
    config.py           its settings, and where each is from
    doctor.py           what would keep it from working here
    backup.py           a copy of its runs
    run.py              a workflow to its end: here.py in this process, there.py on a daemon
    watch.py            a run that is there already
    validate.py         what would keep a workflow from running
    example.py          workflows to start from, kept in examples/
    nodes.py, schema.py what there is to build with, for people and for editors
    runs.py, control.py the runs of a daemon, steering them and answering them
    insight.py          its supervision tree and its connections

What they share: options.py and daemon_flags.py (options), documents.py (reading files), order.py (what to run),
catalogue.py (node types), source.py with engine_source.py and daemon_source.py (where messages come from), follow.py
(to the end, and Ctrl-C), display.py with lines.py, picture.py and live.py (how a run is shown), outline.py, verdict.py,
columns.py and words.py (how things are put).
"""
