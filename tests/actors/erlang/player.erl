%% Plays scripts on OTP's real supervisor: a script comes in as an Erlang term, what happened goes out as JSON.
%% Both are packets with their length in four bytes, on the standard input and output.
-module(player).
-export([main/0]).

main() ->
    ok = logger:remove_handler(default),
    ok = logger:add_handler(journal, scripted, #{level => error}),
    serve(open_port({fd, 0, 1}, [binary, {packet, 4}, eof])).

serve(Port) ->
    receive
        {Port, {data, Packet}} -> port_command(Port, json(play(term(Packet)))), serve(Port);
        {Port, eof} -> halt(0)
    end.

term(Packet) ->
    {ok, Tokens, _} = erl_scan:string(binary_to_list(Packet)),
    {ok, Term} = erl_parse:parse_term(Tokens),
    Term.

json(Boolean) when is_boolean(Boolean) -> atom_to_list(Boolean);
json(Atom) when is_atom(Atom) -> [$", atom_to_list(Atom), $"];
json(Number) when is_integer(Number) -> integer_to_list(Number);
json(Tuple) when is_tuple(Tuple) -> json(tuple_to_list(Tuple));
json(List) -> [$[, lists:join($,, [json(Item) || Item <- List]), $]].

%% Each script has a process and a journal of its own, so that nothing is left for the next one.
play(Script) ->
    {Player, Ref} = spawn_monitor(fun() -> exit({played, perform(Script)}) end),
    receive
        {'DOWN', Ref, process, Player, {played, Records}} -> Records;
        {'DOWN', Ref, process, Player, Reason} -> error(Reason)
    end.

perform({Top, Steps}) ->
    process_flag(trap_exit, true),
    Journal = journal:open(),
    First = record(Journal, answer(scripted:start(Journal, [top], Top))),
    Records = [record(Journal, step(Journal, Step)) || Step <- Steps ++ [{crash, [top], shutdown}]],
    journal:close(Journal),
    [First | Records].

record(Journal, Answer) ->
    Tree = quiet(Journal),
    {Answer, journal:take(Journal), Tree}.

%% --- steps ---

step(Journal, {crash, Path, Reason}) ->
    crash(running(Journal, Path), Reason);
step(Journal, {held, Path, Reason, Outcome, Crashes, Calls}) ->
    journal:arm(Journal, Path),
    First = step(Journal, {crash, Path, Reason}),
    Gate = settle(Journal, Path),
    Crashed = [aside(Journal, Gate, Crash) || Crash <- Crashes],
    Requests = [request(Journal, Call) || Call <- Calls],
    journal:release(Journal, Path, Outcome),
    {First, Crashed, [response(Journal, Request) || Request <- Requests]};
step(Journal, Call) ->
    response(Journal, request(Journal, Call)).

%% Wait until the start at this path waits at the gate; if all is quiet without one, no later one will.
settle(Journal, Path) ->
    {Watcher, Ref} = spawn_monitor(fun() -> quiet(Journal) end),
    receive
        {gate, Path} -> exit(Watcher, kill), receive {'DOWN', Ref, process, Watcher, _} -> shut end;
        {'DOWN', Ref, process, Watcher, _} -> journal:release(Journal, Path, ok), open
    end.

%% A crash beside the one whose restart waits: the supervisor learns of it when the gate is open again. If it is
%% starting itself, nothing happens: it and its own supervisor would go on at once, in no order.
aside(Journal, Gate, {crash, Path, _} = Crash) ->
    case {running(Journal, lists:droplast(Path)), Gate} of
        {gone, _} -> gone;
        {_, shut} -> step(Journal, Crash);
        {_, open} -> Answer = step(Journal, Crash), quiet(Journal), Answer
    end.

crash(gone, _) -> gone;
crash({supervisor, Pid}, Reason) when Reason =/= kill -> gen_server:stop(Pid, reason(Reason), infinity);
crash({_, Pid}, Reason) ->
    Ref = monitor(process, Pid),
    case Reason of
        kill -> exit(Pid, kill);
        _ -> Pid ! {exit, reason(Reason)}
    end,
    receive {'DOWN', Ref, process, Pid, _} -> ok end.

reason(shutdown_term) -> {shutdown, why};
reason(Reason) -> Reason.

running(Journal, Path) ->
    case journal:process(Journal, Path) of
        undefined -> gone;
        Pid -> kind(Pid, process_info(Pid, dictionary))
    end.

kind(_, undefined) -> gone;
kind(Pid, {dictionary, Dictionary}) ->
    case lists:keymember(journal, 1, Dictionary) of
        true -> {supervisor, Pid};
        false -> {worker, Pid}
    end.

request(Journal, Call) ->
    case running(Journal, element(2, Call)) of
        {supervisor, Pid} -> {element(1, Call), gen_server:send_request(Pid, message(Journal, Call))};
        _ -> gone
    end.

message(Journal, {start, Path, Node}) -> {start_child, scripted:spec(Journal, Path, Node)};
message(_, {spawn, _, Name}) -> {start_child, [Name]};
message(Journal, {end_dynamic, Path, Name}) ->
    case journal:process(Journal, Path ++ [Name]) of
        undefined -> {terminate_child, self()};
        Pid -> {terminate_child, Pid}
    end;
message(_, {terminate, _, Id}) -> {terminate_child, Id};
message(_, {restart, _, Id}) -> {restart_child, Id};
message(_, {delete, _, Id}) -> {delete_child, Id};
message(_, {spec, _, Id}) -> {get_childspec, Id};
message(_, {which, _}) -> which_children;
message(_, {count, _}) -> count_children.

response(_, gone) -> gone;
response(Journal, {What, Request}) ->
    case gen_server:receive_response(Request, infinity) of
        {reply, Children} when What =:= which -> [named(Journal, Child) || Child <- lists:reverse(Children)];
        {reply, Counts} when What =:= count -> [Count || {_, Count} <- Counts];
        {reply, Reply} -> answer(Reply);
        {error, _} -> gone
    end.

%% A dynamic child has no id for OTP, but a name for the script.
named(Journal, {undefined, Child, _, _}) when is_pid(Child) ->
    [Path | _] = journal:name(Journal, Child),
    {lists:last(Path), state(Child)};
named(_, {Id, Child, _, _}) ->
    {Id, state(Child)}.

answer(ok) -> ok;
answer(ignore) -> ignore;
answer({ok, undefined}) -> ignored;
answer({ok, Pid}) when is_pid(Pid) -> ok;
answer({ok, #{restart := Restart, shutdown := Shutdown, significant := Significant}}) ->
    {Restart, Shutdown, Significant};
answer({error, already_present}) -> taken;
answer({error, {already_started, _}}) -> taken;
answer({error, {bad_combination, _}}) -> bad_spec;
answer({error, Name}) when Name =:= running; Name =:= restarting; Name =:= not_found -> Name;
answer({error, simple_one_for_one}) -> refused;
answer({error, _}) -> error.

state(restarting) -> restarting;
state(undefined) -> stopped;
state(Pid) when is_pid(Pid) -> alive.

%% --- the tree, when nothing moves in it any more ---

%% Two pictures in a row are alike, every process that lives is in them, and nothing happened in between.
quiet(Journal) ->
    Before = picture(Journal),
    erlang:yield(),
    case picture(Journal) of
        {{Living, _}, Living, Tree} = Before -> Tree;
        _ -> quiet(Journal)
    end.

picture(Journal) ->
    {Living, Tree} = tree(Journal, [top]),
    {journal:living(Journal), Living, Tree}.

tree(Journal, Path) ->
    case running(Journal, Path) of
        gone -> {0, []};
        {supervisor, Pid} -> branch(Journal, Path, Pid)
    end.

%% How many live at and below a supervisor, and what it says of them.
branch(Journal, Path, Pid) ->
    try {supervisor:which_children(Pid), supervisor:count_children(Pid)} of
        {Children, Counts} ->
            Branches = [twig(Journal, Path, Child) || Child <- lists:reverse(Children)],
            Living = 1 + lists:sum([Count || {Count, _} <- Branches]),
            {Living, {[Count || {_, Count} <- Counts], [Branch || {_, Branch} <- Branches]}}
    catch
        exit:_ -> {-1, []}
    end.

twig(Journal, Path, {undefined, Pid, Type, _}) when is_pid(Pid) ->
    case journal:name(Journal, Pid) of
        [Name | _] -> twig(Journal, Path, {lists:last(Name), Pid, Type, []});
        [] -> {-1, []}
    end;
twig(Journal, Path, {Id, Pid, supervisor, _}) when is_pid(Pid) ->
    {Living, Below} = branch(Journal, Path ++ [Id], Pid),
    {Living, {Id, alive, Below}};
twig(_, _, {Id, Pid, worker, _}) when is_pid(Pid) ->
    {1, {Id, alive, []}};
twig(_, _, {Id, Child, _, _}) ->
    {0, {Id, state(Child), []}}.
