-- Which conversation a run belongs to, for clients that hold several of them under one name of theirs (A2A's contextId), and by
-- which message it was begun. What is said in it is in the runs' journals.
create table threads (
    run       uuid        primary key,
    workspace text        not null default coalesce(remit_here(), 'default'),
    who       text        not null,  -- in whose name it was begun
    agent     text        not null,
    context   text        not null,
    message   text        not null,  -- as the client numbers it
    at        timestamptz not null default clock_timestamp()
);
create index threads_of on threads (workspace, who, agent, at desc, run desc);
create index threads_in on threads (workspace, who, context, at desc);
call remit_wall('threads', 'select, insert');
