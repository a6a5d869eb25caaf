-- Finished runs become archives: one compressed text each, in place of their events. Of an archived run one row stays
-- in `events`, of type `archived` and at the number that an append would take, so that no append can succeed by
-- mistake, and so that an archive that has gone is missed. It holds the archive's hash.
create table archives (
    run         uuid        primary key,
    archived_at timestamptz not null default now(),
    ended_at    timestamptz not null,  -- when its last event was written
    format      integer     not null,
    events      integer     not null,
    size        bigint      not null,  -- bytes before compression
    sha256      bytea       not null,  -- of these bytes
    body        bytea,
    path        text,                  -- where the body is a file instead
    check ((body is null) <> (path is null))
);
alter table archives alter column body set storage external;  -- it is compressed
create index archives_oldest on archives (ended_at, run);

alter table runs add column archived boolean not null default false;
create index runs_to_archive on runs (updated_at, id)
    where not archived and status not in ('running', 'waiting', 'paused');

-- What is left of a run that a policy has deleted.
create table tombstones (
    run         uuid        primary key,
    agent       text        not null,
    status      text        not null,
    created_at  timestamptz not null,
    ended_at    timestamptz not null,
    archived_at timestamptz not null,
    events      integer     not null,
    sha256      bytea       not null,  -- of its archive
    policy      text        not null,  -- which deleted it
    deleted_at  timestamptz not null default now(),
    path        text                   -- of a file that is still to be removed
);
create index tombstones_of_files on tombstones (run) where path is not null;

-- Sweeping blobs that nothing refers to. While a sweep is under way every append says which blobs it counts on; out
-- of sweeps that costs a look into an empty table. After a crash of the server there is no sweep: all three are empty.
create unlogged table sweeps (
    id       uuid        primary key,
    began_at timestamptz not null default now()
);
create unlogged table sweep_found (sweep uuid not null, sha256 bytea not null);
create unlogged table sweep_used (sweep uuid not null, sha256 bytea not null);
create index sweep_used_by_hash on sweep_used (sweep, sha256);

-- Before, and for each row: so that it is told of blobs that are there already too.
create function remit_blob_used() returns trigger language plpgsql as $$
begin
    if exists (select from sweeps) then
        insert into sweep_used (sweep, sha256) select id, new.sha256 from sweeps;
    end if;
    return new;
end;
$$;
create trigger remit_blob_used before insert on blobs for each row execute function remit_blob_used();
