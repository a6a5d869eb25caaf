-- The journal: one row an event. (run, seq) is unique, so that of two writers one wins.
create table events (
    run  uuid        not null,
    seq  integer     not null check (seq > 0),
    at   timestamptz not null,
    type text        not null,
    body json        not null,  -- json, not jsonb: kept as written, \u0000 included, and cheaper to append
    primary key (run, seq)
);
-- Events of up to 8 KB stay in their row; larger values are blobs.
alter table events set (toast_tuple_target = 8160, autovacuum_vacuum_insert_scale_factor = 0.2);

-- Big values, once each, by the hash of their JSON.
create table blobs (
    sha256 bytea primary key,
    body   bytea not null
);

-- An index of runs, written in the transaction of the event that changes it and derivable from the journal.
create table runs (
    id         uuid        primary key,
    workspace  text        not null default 'default',
    agent      text        not null,
    goal       text        not null,  -- its first 200 characters
    person     text        not null default '',
    parent     uuid,
    status     text        not null,  -- running | waiting | paused | met | not met | cannot verify | refused | cancelled | failed
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index runs_recent on runs (workspace, created_at desc);
create index runs_open on runs (status, updated_at) where status in ('running', 'waiting', 'paused');

-- What waits for a person. Written with its Asked, removed with its Replied or the run's end.
create table asks (
    run     uuid        not null,
    ask_id  text        not null,
    kind    text        not null,  -- approval | question | doubt | budget
    text    text        not null,
    at      timestamptz not null,
    expires timestamptz,
    primary key (run, ask_id)
);
create index asks_oldest on asks (at);
