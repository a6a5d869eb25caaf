-- What people may want, by examples; and what was inferred of what they wrote. `remit/graph/intents.py` keeps both.

create table graph_examples (
    id        bigint      generated always as identity primary key,
    workspace text        not null default coalesce(remit_here(), 'default'),
    intent    text        collate "C" not null check (intent = '' or intent ~ '^[a-z0-9][a-z0-9_-]{0,59}$'),  -- empty: none of them
    text      text        not null,
    digest    bytea       not null,                       -- of the text: it means one thing
    vector    bytea,                                      -- of its meaning, float32; null: not looked at yet
    made_by   text        not null default '',            -- the embedding model that made it
    by        text        not null,
    at        timestamptz not null default clock_timestamp(),
    unique (workspace, digest)
);
create index graph_examples_of on graph_examples (workspace, intent);
call remit_wall('graph_examples', 'select, insert, update, delete');
call remit_wall_by_agent('graph_examples', 'false');

create table graph_inferred (
    workspace    text        not null default coalesce(remit_here(), 'default'),
    interaction  bigint      not null,
    intent       text        not null,                    -- empty: none of them
    probability  real        not null check (probability between 0 and 1),
    alike        jsonb       not null,                    -- the examples that it is most like, and how much
    others       jsonb       not null,                    -- what else it may be
    at           timestamptz not null default clock_timestamp(),
    corrected    text,                                    -- what it was, as a person says; null: nobody has said
    corrected_by text,
    corrected_at timestamptz,
    primary key (workspace, interaction)
);
create index graph_inferred_doubtful on graph_inferred (workspace, probability) where corrected is null;
call remit_wall('graph_inferred', 'select, insert, update, delete');
call remit_wall_by_agent('graph_inferred', 'false');
