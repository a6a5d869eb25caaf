-- How long ended runs are kept, as people of a workspace say it: for all its agents, and for single ones instead. Where nothing is
-- said, nothing is taken away. What the machine's settings say holds beside it.
create table retention (
    workspace     text        not null default coalesce(remit_here(), 'default'),
    agent         text        not null default '',  -- '': all that have no rule of their own
    archive_after interval,                         -- since a run ended; null: it stays as it is
    delete_after  interval,                         -- since it ended; null: never
    by            text        not null,
    set_at        timestamptz not null default clock_timestamp(),
    due_at        timestamptz not null default clock_timestamp() + interval '1 hour',  -- until then it can be taken back
    looked_at     timestamptz,                      -- when it was last applied
    kept          integer     not null default 0,   -- runs that could not be archived then
    why           text        not null default '',  -- of the first of them, or what stopped it
    primary key (workspace, agent),
    check (delete_after is null or delete_after > archive_after)
);
create index retention_due on retention (due_at);
call remit_wall('retention', 'select, insert, update, delete');

-- What was archived and deleted, by whatever policy and hand: counted in the transactions that do it, for the audit of a year.
create table retained (
    workspace    text        not null default coalesce(remit_here(), 'default'),
    look         uuid        not null,
    at           timestamptz not null default clock_timestamp(),
    policy       text        not null,
    archived     integer     not null default 0,
    bytes_before bigint      not null default 0,
    bytes_after  bigint      not null default 0,
    deleted      integer     not null default 0,
    primary key (workspace, look)
);
create index retained_lately on retained (workspace, at desc);
call remit_wall('retained', 'select');
call remit_wall_by_agent('retained', 'false');

-- Each agent's ended runs by age: what is due of one is found without passing over those of others.
create index runs_to_archive_of on runs (workspace, agent, updated_at, id)
    where not archived and status not in ('running', 'waiting', 'paused');
drop index runs_to_archive;
create index runs_archived on runs (workspace, agent, updated_at, id) where archived;

-- Whether something that goes on may look back at a run: one above or below it that is open, or a trigger that is yet to be told of it.
create function remit_needed(_run uuid) returns boolean language sql stable as $$
    with recursive above as (
        select parent as id from runs where id = _run and parent is not null
        union
        select runs.parent from above join runs on runs.id = above.id where runs.parent is not null
    ), below as (
        select id from runs where parent = _run
        union
        select runs.id from below join runs on runs.parent = below.id
    )
    select exists (select from (select id from above union all select id from below) as near join runs using (id)
                   where status in ('running', 'waiting', 'paused'))
        or exists (select from firings where state in ('due', 'starting') and key = 'run ' || _run)
$$;
