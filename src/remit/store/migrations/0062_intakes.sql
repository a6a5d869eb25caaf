-- Where the conversation graph hears of people from other systems: who delivers what (a webhook), or which rows of a database are read.
create table intakes (
    workspace    text        not null default coalesce(remit_here(), 'default'),
    name         text        not null,                      -- also the source of the rows that come of it
    spec         jsonb       not null,                      -- remit/intake/spec.py
    by           text        not null,
    at           timestamptz not null default clock_timestamp(),
    paused_at    timestamptz,
    secret       bytea,                                     -- of a webhook, sealed
    secret_at    timestamptz,
    before       bytea,                                     -- the one before, taken too until then
    before_until timestamptz,
    place        jsonb,                                     -- of a database: the cursor and the key of the row read last
    next_at      timestamptz,                               -- when it is read next; while somebody reads: when they count as dead
    heard_at     timestamptz,                               -- when something came last, or was looked for
    taken        bigint      not null default 0,            -- interactions that came of it
    went         text        not null default '',           -- what went wrong last; empty: nothing since
    went_at      timestamptz,
    primary key (workspace, name)
);
create index intakes_next on intakes (next_at) where next_at is not null and paused_at is null;
call remit_wall('intakes', 'select, insert, update, delete');
