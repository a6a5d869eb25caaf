-- What a message wants, read by a generative model where a workspace says so. `remit/graph/readers.py` keeps it; docs/decisions/0029 says why so.

create table intent_readers (
    workspace text        not null default coalesce(remit_here(), 'default') primary key,
    model     text        not null,                       -- provider:model
    daily     integer     not null check (daily between 1 and 1000000),  -- messages and examples that it is asked about in a day (UTC)
    by        text        not null,
    at        timestamptz not null default clock_timestamp(),
    why       text        not null default ''             -- it cannot be had now; empty: it can
);
call remit_wall('intent_readers', 'select, insert, update, delete');
call remit_wall_by_agent('intent_readers', 'false');

-- Messages that wait to be read, and those that could not be
create table graph_unread (
    workspace   text        not null default coalesce(remit_here(), 'default'),
    interaction bigint      not null,
    tries       integer     not null default 0,
    due         timestamptz default clock_timestamp(),    -- null: tried often enough
    why         text        not null default '',          -- it could not be read, the last time
    primary key (workspace, interaction)
);
create index graph_unread_due on graph_unread (workspace, due, interaction);
call remit_wall('graph_unread', 'select, insert, update, delete');
call remit_wall_by_agent('graph_unread', 'false');

-- What a day of it took
create table intents_read (
    workspace text    not null default coalesce(remit_here(), 'default'),
    day       date    not null,                           -- in UTC
    asked     integer not null default 0,
    tokens    bigint  not null default 0,
    money     numeric not null default 0,                 -- US dollars
    primary key (workspace, day)
);
call remit_wall('intents_read', 'select, insert, update, delete');
call remit_wall_by_agent('intents_read', 'false');

-- What a model took an example for that it was not shown, and how sure it said it was: by that it is known how sure it may be
alter table graph_examples add column told text, add column stated real, add column told_by text not null default '';
-- Which model read a message (empty: the local embedding did), how sure it said it was, and its words that made it think so
alter table graph_inferred add column model text not null default '', add column stated real, add column because jsonb not null default '[]';
-- Who tries a sentence in the console spends for the workspace
grant update on spending to remit_guest;
