// Speaks the protocol as the reference tells it, with the `ws` library: starts a run and reads it to its end.
// Usage: node foreign_client.mjs URL. Exits 0 when every event came once, in order, and the run completed.
import assert from "node:assert/strict";
import WebSocket from "ws";

const workflow = {
  id: "from-another-language",
  nodes: [
    { id: "greeting", type: "constant", params: { value: "hello" } },
    { id: "answer", type: "echo" },
  ],
  connections: [{ from_node: "greeting", from_output: "value", to_node: "answer", to_input: "value" }],
};

const socket = new WebSocket(process.argv[2], "bluev.v1");
const seen = [];
setTimeout(() => assert.fail(`no end after 20 s; seen: ${JSON.stringify(seen)}`), 20_000).unref();

socket.on("error", (error) => assert.fail(error.message));
socket.on("message", (text) => {
  const message = JSON.parse(text);
  if (message.type === "connection_established") {
    socket.send(JSON.stringify({ type: "execute_workflow", request_id: "1", workflow }));
    return;
  }
  if (message.seq !== undefined) seen.push(message);
  if (message.type === "workflow_completed") finish(message);
});

function finish({ results }) {
  assert.deepEqual(seen.map((event) => event.seq), seen.map((_, index) => index + 1));
  assert.equal(seen[0].type, "workflow_execution_started");
  assert.equal(seen[0].request_id, "1");
  assert.equal(results.answer.value, "hello");
  console.log(`a foreign client saw ${seen.length} events, in order, and the result ${JSON.stringify(results)}`);
  socket.close(1000);
}

socket.on("close", (code) => process.exit(seen.at(-1)?.type === "workflow_completed" && code === 1000 ? 0 : 1));
