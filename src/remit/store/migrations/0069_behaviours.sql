-- How a want shows in what somebody does: patterns, and how often their outcome followed. Who shows one is told from what happened, and kept
-- nowhere else. `remit/graph/behaviours.py` keeps them.
create table graph_behaviours (
    workspace  text        not null default coalesce(remit_here(), 'default'),
    intent     text        collate "C" not null check (intent ~ '^[a-z0-9][a-z0-9-]{0,59}$'),
    pattern    jsonb       not null,
    by         text        not null,
    at         timestamptz not null default clock_timestamp(),
    shown      bigint      not null default 0,            -- times that it was shown, long enough ago to know what followed
    followed   bigint      not null default 0,            -- after which the outcome came
    counted_at timestamptz,
    primary key (workspace, intent)
);
call remit_wall('graph_behaviours', 'select, insert, update, delete');
call remit_wall_by_agent('graph_behaviours', 'false');
