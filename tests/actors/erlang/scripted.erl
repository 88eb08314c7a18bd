%% Children that do what a script says: workers, and OTP's own supervisor behind callbacks that only pass on.
-module(scripted).
-behaviour(gen_server).
-export([start/3, start_dynamic/4, spec/3]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).
-export([work/4, log/2]).

%% The child specification of a node of the script under a supervisor's path.
spec(Journal, Parent, Node) ->
    Path = Parent ++ [element(2, Node)],
    contract(Node, {?MODULE, start, [Journal, Path, Node]}).

contract(Node, Start) ->
    #{id => element(2, Node), start => Start, restart => element(3, Node), significant => element(4, Node),
      shutdown => element(5, Node), type => element(1, Node)}.

start_dynamic(Journal, Parent, Node, Name) -> start(Journal, Parent ++ [Name], Node).

start(Journal, Path, {worker, _, _, _, _, Outcomes, Manner}) ->
    case journal:attempt(Journal, Path, Outcomes) of
        ok -> proc_lib:start_link(?MODULE, work, [self(), Journal, Path, Manner]);
        Outcome -> failure(Outcome)
    end;
start(Journal, Path, {supervisor, _, _, _, _, Outcomes, Strategy, Intensity, AutoShutdown, Children}) ->
    case journal:attempt(Journal, Path, Outcomes) of
        ok ->
            Flags = #{strategy => Strategy, intensity => Intensity, period => 1000000, auto_shutdown => AutoShutdown},
            gen_server:start_link(?MODULE, {supervise, Journal, Path, Flags, Children}, []);
        Outcome -> failure(Outcome)
    end.

failure(ignore) -> ignore;
failure(error) -> {error, boom}.

%% --- workers ---

work(Supervisor, Journal, Path, Manner) ->
    process_flag(trap_exit, Manner =/= obedient),
    journal:born(Journal, Path),
    proc_lib:init_ack({ok, self()}),
    work(Supervisor, Manner).

work(Supervisor, Manner) ->
    receive
        {exit, Reason} -> exit(Reason);
        {'EXIT', Supervisor, shutdown} when Manner =:= stubborn -> work(Supervisor, Manner);
        {'EXIT', Supervisor, shutdown} when Manner =:= clumsy -> exit(boom);
        {'EXIT', Supervisor, Reason} -> exit(Reason)
    end.

%% --- supervisors: every callback is OTP's ---

init({flags, Flags, Specs}) ->
    {ok, {Flags, Specs}};
init({supervise, Journal, Path, Flags, Children}) ->
    put(journal, {Journal, Path}),
    Specs = case Flags of
        #{strategy := simple_one_for_one} ->
            [contract(Node, {?MODULE, start_dynamic, [Journal, Path, Node]}) || Node <- Children];
        _ ->
            [spec(Journal, Path, Node) || Node <- Children]
    end,
    case supervisor:init({self, ?MODULE, {flags, Flags, Specs}}) of
        {ok, State} -> journal:born(Journal, Path), {ok, State};
        {stop, Reason} -> {stop, Reason}
    end.

handle_call(Request, From, State) -> supervisor:handle_call(Request, From, State).
handle_cast(Request, State) -> supervisor:handle_cast(Request, State).
handle_info(Message, State) -> supervisor:handle_info(Message, State).
terminate(Reason, State) -> supervisor:terminate(Reason, State).

%% --- the logger's handler, which runs in the supervisor that reports ---

log(#{msg := {report, #{label := {supervisor, Context}, report := Report}}}, _) ->
    {Journal, Path} = get(journal),
    {reason, Reason} = lists:keyfind(reason, 1, Report),
    {offender, Offender} = lists:keyfind(offender, 1, Report),
    {id, Id} = lists:keyfind(id, 1, Offender),
    journal:report(Journal, Path, Context, {Id, Reason});
log(_, _) ->
    ok.
