"""The conversation without a wire: replies find their requests, events their runs, and nothing breaks it."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.client.conversation import PULSE, Answer, Conversation, Incoming
from bluev_actors.client.feed import Feed
from bluev_actors.client.run_view import RunView
from bluev_actors.errors import ConnectionLostError, ProtocolError
from bluev_actors.protocol.codec import UnknownMessage, encode
from bluev_actors.protocol.messages import (
    SERVER_MESSAGES,
    ConnectionEstablished,
    ExecuteWorkflow,
    Gap,
    Heartbeat,
    ServerMessage,
    Subscribe,
    SubscriptionConfirmed,
    Unsubscribe,
    WorkflowExecutionStarted,
)
from bluev_actors.testing.strategies import MESSAGES

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject
    from tests.client.conftest import Say


def hear(conversation: Conversation, message: ServerMessage) -> str | None:
    """Have a message come in."""
    return conversation.receive(encode(message))


def confirmed(request_id: str) -> SubscriptionConfirmed:
    """An answer to a subscribe."""
    return SubscriptionConfirmed(timestamp="t", request_id=request_id, subscriptions=(), unknown=())


def test_a_request_gets_an_id_of_its_own() -> None:
    """Two requests never share one, and the text bears it."""
    conversation = Conversation()
    first, second = (conversation.ask(Subscribe(), lambda _: None) for _ in range(2))
    assert first.request_id != second.request_id
    assert orjson.loads(first.text)["request_id"] == first.request_id


def test_a_given_id_is_kept() -> None:
    """Who repeats a request after a break says the same id again."""
    question = Conversation().ask(ExecuteWorkflow(workflow={}, request_id="mine"), lambda _: None)
    assert orjson.loads(question.text)["request_id"] == question.request_id == "mine"


@given(st.permutations(range(5)))
def test_replies_find_their_requests_in_any_order(order: list[int]) -> None:
    """A reply that waits for a disk may be overtaken by others."""
    conversation, answers = Conversation(), [list[Answer]() for _ in range(5)]
    ids = [conversation.ask(Subscribe(), box.append).request_id for box in answers]
    for number in order:
        hear(conversation, confirmed(ids[number]))
    assert answers == [[confirmed(request_id)] for request_id in ids]
    assert not conversation.asking


def test_a_value_that_is_no_json_is_refused_before_it_is_sent() -> None:
    """And leaves nobody waiting."""
    conversation = Conversation()
    with pytest.raises(ProtocolError):
        conversation.ask(ExecuteWorkflow(workflow={"x": float("nan")}), lambda _: None)
    assert not conversation.asking


def test_a_reply_that_nobody_waits_for_is_dropped() -> None:
    """Whoever gave up is not called; listeners see it."""
    conversation, answers, heard = Conversation(), list[Answer](), list[Incoming | None]()
    conversation.listen(heard.append)
    question = conversation.ask(Subscribe(), answers.append)
    conversation.forget(question.request_id)
    hear(conversation, confirmed(question.request_id))
    assert answers == []
    assert heard == [confirmed(question.request_id)]


def test_a_heartbeat_is_answered_at_once() -> None:
    """By the conversation itself, so no shell can forget it."""
    conversation, heard = Conversation(), list[Incoming | None]()
    conversation.listen(heard.append)
    assert hear(conversation, Heartbeat(timestamp="t")) == PULSE
    assert orjson.loads(PULSE) == {"type": "heartbeat_response"}
    assert heard == []


def test_event_1_is_reply_and_event(say: Say) -> None:
    """The reply is delivered first, so that whoever asked can follow the run from this very event."""
    conversation, feed = Conversation(), Feed()
    views = [conversation.view("other")]

    def follow(answer: Answer) -> None:
        assert isinstance(answer, WorkflowExecutionStarted)
        views.append(conversation.view(answer.run_id))
        views[-1].attach(feed)

    question = conversation.ask(ExecuteWorkflow(workflow={}), follow)
    hear(conversation, say.started(question.request_id))
    hear(conversation, say.node(2))
    assert (len(feed), views[-1].state.seq) == (2, 2)


def test_a_view_lives_as_long_as_somebody_holds_it(say: Say) -> None:
    """A client that starts a million runs does not keep a million states."""
    conversation = Conversation()
    view = conversation.view("r")
    assert conversation.view("r") is view
    hear(conversation, say.started())
    assert view.state.seq == 1
    del view
    gc.collect()
    assert conversation.view("r").state.seq == 0


def test_events_of_others_go_to_listeners_only(say: Say) -> None:
    """A run that nobody here holds costs nothing, and whoever subscribed hears it."""
    conversation, heard = Conversation(), list[Incoming | None]()
    conversation.listen(heard.append)
    hear(conversation, say.node(4))
    conversation.unlisten(heard.append)
    hear(conversation, say.node(5))
    assert heard == [say.node(4)]


def test_a_broadcast_reaches_listeners_as_it_is() -> None:
    """Whatever somebody broadcasts, even without a type."""
    conversation, heard = Conversation(), list[Incoming | None]()
    conversation.listen(heard.append)
    conversation.receive('{"hi": 1}')
    conversation.receive('{"type": "news", "x": null}')
    assert heard == [UnknownMessage("", {"hi": 1}), UnknownMessage("news", {"type": "news", "x": None})]


def test_the_greeting_and_the_place_are_kept(say: Say) -> None:
    """What a `resume` would have to say: the epoch of the greeting and the last cursor seen."""
    conversation = Conversation()
    greeting = ConnectionEstablished(
        timestamp="t", session_id="s", protocol="p", server="x", epoch="e", cursor="7", heartbeat_interval=1, limits={}
    )
    hear(conversation, greeting)
    assert (conversation.greeting, conversation.cursor) == (greeting, "7")
    hear(conversation, say.node(9, cursor="19"))
    hear(conversation, say.node(3, cursor=None))
    assert conversation.cursor == "19"


def test_a_gap_reaches_the_runs_it_names(say: Say) -> None:
    """Each snapshot goes to its run; those of runs that nobody holds are passed over."""
    conversation = Conversation()
    view = conversation.view("r")
    snapshots: tuple[JsonObject, ...] = (say.snapshot(5), {**say.snapshot(5), "run_id": "stranger"}, {})
    hear(conversation, Gap(timestamp="t", reason="expired", snapshots=snapshots, cursor="5"))
    assert (view.state.seq, conversation.cursor) == (5, "5")


def test_congestion_is_that_of_the_run_just_heard(say: Say) -> None:
    """It lasts until the reader takes something."""
    conversation, feed = Conversation(), Feed(limit=1, attended=True)
    view = conversation.view("r")
    view.attach(feed)
    seen = [conversation.congested]
    hear(conversation, say.started())
    seen.append(conversation.congested)
    feed.take()
    assert [*seen, conversation.congested] == [False, True, False]


def test_a_loss_reaches_everybody() -> None:
    """Requests are answered with it, readers woken, listeners told, and nothing new can be asked."""
    conversation, answers, heard, woken = Conversation(), list[Answer](), list[Incoming | None](), list[bool]()
    conversation.listen(heard.append)
    conversation.ask(Unsubscribe(), answers.append)
    view, loss = conversation.view("r"), ConnectionLostError("cut", 1006)
    with view.heard_by(lambda: woken.append(True)):
        conversation.lose(loss)
    conversation.lose(ConnectionLostError("again"))
    assert (answers, heard[0], woken, conversation.lost) == ([loss], None, [True], loss)
    with pytest.raises(ConnectionLostError, match="cut"):
        conversation.ask(Subscribe(), answers.append)


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "5", b"\xff"])
def test_what_is_no_message_is_an_error(text: str | bytes) -> None:
    """A daemon that speaks something else is not a daemon."""
    with pytest.raises(ProtocolError):
        Conversation().receive(text)


@given(st.lists(st.sampled_from(list(SERVER_MESSAGES.values())).flatmap(lambda cls: MESSAGES[cls]), max_size=20))
def test_no_message_of_a_daemon_breaks_it(messages: list[ServerMessage]) -> None:
    """Whatever a daemon says, in whatever order, a client that follows runs takes it in or says what is wrong."""
    conversation, held = Conversation(), list[RunView]()
    for message in messages:
        run_id = getattr(message, "run_id", None)
        if run_id is not None:
            held.append(conversation.view(run_id))
            held[-1].attach(Feed(limit=2))
        try:
            hear(conversation, message)
        except ProtocolError as error:
            assert "snapshot" in str(error)  # noqa: PT017 - the point is that nothing else is raised
