"""What a workflow is, and what can happen to it. Pure data and pure functions: no Trio, no I/O, no clock.

The words:

- `values`: what JSON is here. `port_types`: the types of ports and params. `times`: time on the wire.
- `graph`: workflow, node, edge, settings. `kinds`: what a node kind says of itself.
- `options`: how a run is started. `control`: which control is legal when. `retry`: whether and when to try again.

A document becomes a workflow:

- `validation`: the whole of it: `parse_workflow`. It goes through
- `shapes`, `document`: the objects of a document and how they are read;
- `connections`, `order`, `interface`: what joins the nodes, circles, what the whole takes and gives;
- `node_checks`, `params`, `param_checks`, `secret_refs`: one node and its params;
- `problems`, `wording`: what is wrong, and the sentences that say so.

Params and expressions:

- `compiler`, `formulas`, `interpolation`: what a param may hold, compiled.
- `expressions` (on `cel_tokens`), `templates` (on `sandbox` and `template_filters`): the two languages.
- `meter`: how much work either may do.
- `inputs`: what a node is given.

A run:

- `frontier`: which nodes may start.
- `run_events`, `run_state`: everything that can happen, and the one way a run changes.
- `summary`, `critical_path`, `snapshot`: a run told in short, and in full.
"""

from bluev_actors.workflows.graph import Edge, Node, RetryPolicy, Settings, Workflow
from bluev_actors.workflows.inputs import Gathered, gather_inputs
from bluev_actors.workflows.kinds import NOTHING, Kinds, NodeKind, Param, Port
from bluev_actors.workflows.params import NodeParams
from bluev_actors.workflows.problems import PROBLEM_CODES, GraphProblem
from bluev_actors.workflows.run_events import ErrorDetail, Recorded, RunEvent
from bluev_actors.workflows.run_state import NodeState, RunState, apply, apply_progress
from bluev_actors.workflows.snapshot import load_snapshot, snapshot
from bluev_actors.workflows.summary import results_of, summarise
from bluev_actors.workflows.validation import GraphLimits, Verdict, parse_workflow

__all__ = [
    "NOTHING",
    "PROBLEM_CODES",
    "Edge",
    "ErrorDetail",
    "Gathered",
    "GraphLimits",
    "GraphProblem",
    "Kinds",
    "Node",
    "NodeKind",
    "NodeParams",
    "NodeState",
    "Param",
    "Port",
    "Recorded",
    "RetryPolicy",
    "RunEvent",
    "RunState",
    "Settings",
    "Verdict",
    "Workflow",
    "apply",
    "apply_progress",
    "gather_inputs",
    "load_snapshot",
    "parse_workflow",
    "results_of",
    "snapshot",
    "summarise",
]
