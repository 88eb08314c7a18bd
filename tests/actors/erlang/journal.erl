%% What happened in a tree, in order: one process that every supervisor and every child tells of its starts,
%% that watches their ends, and that lets a start wait at a gate for as long as the player likes.
-module(journal).
-export([open/0, close/1, attempt/3, born/2, report/4]).
-export([arm/2, release/3, take/1, living/1, process/2, name/2]).

-record(journal, {
    player :: pid(),
    attempts = #{} :: #{list() => pos_integer()},
    processes = #{} :: #{list() => pid()},
    living = #{} :: #{reference() => {list(), pos_integer(), pid()}},
    events = [] :: [tuple()],
    gate = open :: open | {armed, list()} | {shut, list(), pos_integer(), {pid(), reference()}}
}).

open() ->
    Player = self(),
    spawn_link(fun() -> loop(#journal{player = Player}) end).

close(Journal) ->
    unlink(Journal),
    exit(Journal, kill).

%% Count a start of this path and say how it goes: ok, error or ignore, by the list of outcomes, then always ok.
attempt(Journal, Path, Outcomes) -> call(Journal, {attempt, Path, Outcomes}).

%% The calling process has started at this path; its end will be in the journal.
born(Journal, Path) -> call(Journal, {born, Path, self()}).

%% A supervisor's report.
report(Journal, Path, Context, {Offender, Reason}) -> call(Journal, {report, Path, Context, Offender, Reason}).

%% The next start at this path is to wait; the player gets {gate, Path} when it does.
arm(Journal, Path) -> call(Journal, {arm, Path}).

%% Let the start that waits go on, with this outcome; or arm no longer.
release(Journal, Path, Outcome) -> call(Journal, {release, Path, Outcome}).

%% The events since the last time.
take(Journal) -> call(Journal, take).

%% How many processes live, and how many events there are.
living(Journal) -> call(Journal, living).

%% The last process that was born at this path, dead or alive.
process(Journal, Path) -> call(Journal, {process, Path}).

%% The path of a process.
name(Journal, Pid) -> call(Journal, {name, Pid}).

call(Journal, Request) ->
    Ref = monitor(process, Journal),
    Journal ! {Request, {self(), Ref}},
    receive
        {Ref, Answer} -> demonitor(Ref, [flush]), Answer;
        {'DOWN', Ref, process, Journal, _} -> exit(journal_closed)
    end.

reply({Pid, Ref}, Answer) -> Pid ! {Ref, Answer}.

loop(J) ->
    receive
        {{attempt, Path, Outcomes}, From} -> loop(attempted(Path, Outcomes, From, J));
        {{release, Path, Outcome}, From} -> reply(From, ok), loop(released(Path, Outcome, J));
        {'DOWN', Ref, process, _, Reason} -> loop(ended(Ref, Reason, J));
        {Request, From} -> {Answer, Next} = answer(Request, J), reply(From, Answer), loop(Next)
    end.

answer({born, Path, Pid}, J) ->
    Entry = {Path, maps:get(Path, J#journal.attempts), Pid},
    Living = maps:put(monitor(process, Pid), Entry, J#journal.living),
    {ok, J#journal{living = Living, processes = maps:put(Path, Pid, J#journal.processes)}};
answer({report, Path, Context, Offender, Reason}, J) ->
    {ok, note({report, Path, Context, Offender, kind(Reason)}, J)};
answer({arm, Path}, J) ->
    {ok, J#journal{gate = {armed, Path}}};
answer(take, J) ->
    {lists:reverse(J#journal.events), J#journal{events = []}};
answer(living, J) ->
    {{maps:size(J#journal.living), length(J#journal.events)}, J};
answer({process, Path}, J) ->
    {maps:get(Path, J#journal.processes, undefined), J};
answer({name, Pid}, J) ->
    {[Path || {Path, P} <- maps:to_list(J#journal.processes), P =:= Pid], J}.

attempted(Path, Outcomes, From, J) ->
    N = maps:get(Path, J#journal.attempts, 0) + 1,
    Counted = note({start, Path, N}, J#journal{attempts = maps:put(Path, N, J#journal.attempts)}),
    case J#journal.gate of
        {armed, Path} ->
            J#journal.player ! {gate, Path},
            Counted#journal{gate = {shut, Path, N, From}};
        _ ->
            outcome(Path, N, lists:nth(N, Outcomes ++ lists:duplicate(N, ok)), From, Counted)
    end.

released(Path, Outcome, #journal{gate = {shut, Path, N, From}} = J) ->
    outcome(Path, N, Outcome, From, J#journal{gate = open});
released(_, _, J) ->
    J#journal{gate = open}.

outcome(_, _, ok, From, J) -> reply(From, ok), J;
outcome(Path, N, Outcome, From, J) -> reply(From, Outcome), note({Outcome, Path, N}, J).

ended(Ref, Reason, J) ->
    {{Path, N, _}, Living} = maps:take(Ref, J#journal.living),
    note({stop, Path, N, kind(Reason)}, J#journal{living = Living}).

note(Event, J) -> J#journal{events = [Event | J#journal.events]}.

kind(normal) -> normal;
kind(shutdown) -> shutdown;
kind({shutdown, _}) -> shutdown;
kind(killed) -> killed;
kind(reached_max_restart_intensity) -> intensity;
kind(_) -> crashed.
