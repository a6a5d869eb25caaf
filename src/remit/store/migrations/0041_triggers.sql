-- What begins runs without a person at a keyboard. The triggers themselves stand in the agent's spec; here is what is true of
-- each beside that, put in step with the version that runs in the transaction that publishes it.
create table triggers (
    workspace    text        not null default coalesce(remit_here(), 'default'),
    agent        text        not null,
    name         text        not null,
    version      integer     not null,             -- of the agent, that says it so
    kind         text        not null,             -- schedule | webhook | after
    spec         jsonb       not null,
    gone_at      timestamptz,                      -- the version that runs has it no more; its secret and its past stay
    paused_at    timestamptz,
    paused_by    text        not null default '',
    next_at      timestamptz,                      -- of a schedule: its next time
    secret       bytea,                            -- of a webhook; sealed, bound to the names
    secret_at    timestamptz,
    before       bytea,                            -- the one before, which is taken too
    before_until timestamptz,
    primary key (workspace, agent, name)
);
create index triggers_due on triggers (next_at) where gone_at is null and paused_at is null and next_at is not null;
call remit_wall('triggers', 'select, insert, update');

-- Each event that began a run, or why it did not. Of one event there is one row, whoever tells of it and how often.
create table firings (
    id        uuid        primary key default gen_random_uuid(),
    workspace text        not null default coalesce(remit_here(), 'default'),
    agent     text        not null,
    trigger   text        not null,
    key       text        not null,                -- the time, the delivery's id, the run that has ended
    by        text        not null default '',     -- who had it begin by hand
    at        timestamptz not null default clock_timestamp(),
    event     bytea       not null,                -- JSON
    state     text        not null default 'due',  -- due | starting | begun | skipped | failed
    why       text        not null default '',     -- it waits, was skipped or failed
    run       uuid        not null,
    attempts  integer     not null default 0,
    due_at    timestamptz not null default clock_timestamp(),  -- while somebody begins it: when they count as dead
    open      boolean     not null default false,  -- its run may be open: counted against at_most
    unique (workspace, agent, trigger, key)
);
create index firings_due on firings (due_at) where state in ('due', 'starting');
create index firings_of on firings (workspace, agent, trigger, at desc, id desc);
create index firings_open on firings (workspace, agent, trigger) where open;
create index firings_old on firings (at) where not open;
call remit_wall('firings', 'select, insert, update');

-- Deliveries to an address that were not taken, and why: the last of each trigger.
create table refusals (
    id        bigint      generated always as identity primary key,
    workspace text        not null default coalesce(remit_here(), 'default'),
    agent     text        not null,
    trigger   text        not null,
    at        timestamptz not null default clock_timestamp(),
    why       text        not null
);
create index refusals_of on refusals (workspace, agent, trigger, id desc);
call remit_wall('refusals', 'select, insert, delete');
