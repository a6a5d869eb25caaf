-- How people stand to each other: a reports to b, a buys for b, each time that it was said. Never a reason to be one person.
-- `remit/graph/accounts/relations.py` keeps them.

create table graph_relations (
    id           bigint      generated always as identity primary key,
    workspace    text        not null default coalesce(remit_here(), 'default'),
    a            bigint      not null,                    -- the identifier on which it came of who stands so
    b            bigint      not null,                    -- and of the other
    kind         text        not null check (kind ~ '^[a-z][a-z0-9_]{0,39}$'),  -- reports_to, household, referred_by, buys_for, …
    how          text        not null check (how in ('said', 'yes', 'no')),     -- by a source; a person says so, or that it is not
    since        timestamptz not null,                    -- from when on it speaks; where it does not say so, when it was said
    until        timestamptz,                             -- until when; null: no end is known
    at           timestamptz not null,                    -- when it was said
    source       text        not null default '',
    event        text        not null default '',
    by           text        not null default '',
    withdrawn_at timestamptz,
    withdrawn_by text
);
create index graph_relations_a on graph_relations (a);
create index graph_relations_b on graph_relations (b);
call remit_wall('graph_relations', 'select, insert, update');
-- Of the whole workspace, and nothing to whoever is there for some agents
call remit_wall_by_agent('graph_relations', 'false');
