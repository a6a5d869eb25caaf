-- Who advances what. A process says that it lives by counting `beat` up; a run is leased to one process. A lease has no
-- time in it: who finds a beat standing still for `ttl` seconds of its own clock removes the process, and with it its
-- leases, so that no clock but a steady one is ever trusted.
create table workers (
    id       uuid             primary key,
    name     text             not null,
    place    text             not null,  -- boot and process namespace: where `pid` means anything
    pid      bigint           not null,  -- the process and when it began
    ttl      double precision not null,  -- seconds
    beat     bigint           not null default 0,
    began_at timestamptz      not null default now(),
    seen_at  timestamptz      not null default now()  -- to be shown; nothing is decided by it
);
create table leases (
    run    uuid primary key,
    worker uuid not null,
    deaths integer not null default 0,  -- workers that died while they held it, since it was last let go
    at     timestamptz not null default now()
);
-- Written and removed at each advance: room for the new row beside the old one, and swept soon.
alter table leases set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
create index leases_of on leases (worker);

-- Children of runs, found when their parent ends; and the seq that an index row is of, so that a late update is known.
alter table runs add column seq integer not null default 0;
create index runs_open_children on runs (parent) where parent is not null and status in ('running', 'waiting', 'paused');
