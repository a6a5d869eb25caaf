-- How long what is known of people is kept, by rule: `remit/keeping/` applies it; docs/decisions/0026 says what is left of state.

create table keeping (
    workspace text        not null default coalesce(remit_here(), 'default'),
    what      text        not null check (what in ('interactions', 'words', 'people', 'decisions', 'contacts', 'chats', 'aside', 'examples')),
    kind      text        not null default '',         -- of interactions and words; '': all that have no rule of their own
    channel   text        not null default '',         -- likewise
    lasts     interval,                                 -- null: for ever
    by        text        not null,
    set_at    timestamptz not null default clock_timestamp(),
    due_at    timestamptz not null default clock_timestamp() + interval '1 hour',  -- until then it can be taken back
    looked_at timestamptz,                              -- when it was last applied
    place     bigint      not null default 0,           -- of people: up to whom this look has come
    why       text        not null default '',          -- what stopped it, or kept more than it says
    primary key (workspace, what, kind, channel),
    check (what in ('interactions', 'words') or (kind = '' and channel = ''))
);
create index keeping_due on keeping (due_at);
call remit_wall('keeping', 'select, insert, update, delete');
call remit_wall_by_agent('keeping', 'false');

-- Up to when interactions of a kind on a channel, or their words, were taken away. It only ever moves on, whatever becomes of the rule: what
-- happened before is not taken in again.
create table graph_gone (
    workspace text        not null default coalesce(remit_here(), 'default'),
    what      text        not null check (what in ('interactions', 'words')),
    kind      text        not null,
    channel   text        not null,
    until     timestamptz not null,
    primary key (workspace, what, kind, channel)
);
call remit_wall('graph_gone', 'select');
call remit_wall_by_agent('graph_gone', 'false');

-- What is old is found without passing over what is kept longer.
create index graph_interactions_age on graph_interactions (workspace, kind, channel, at);

-- When something was last heard of those of whom nothing is kept that says it.
alter table graph_profiles add column heard_at timestamptz;
