-- Erasing a person, and the chain by which it shows that nothing else was changed. docs/decisions/0025 says how they go together.

-- Each erasure: its marker first, its receipt last. Whoever is killed in between is followed by who goes on.
create table erasures (
    id        uuid        primary key default gen_random_uuid(),
    workspace text        not null default coalesce(remit_here(), 'default'),
    by        text        not null,
    because   text        not null,
    asked_at  timestamptz not null default clock_timestamp(),
    sealed    bytea,                                   -- whom it is of, under the installation's key; null once they are erased
    step      text        not null default '',         -- the last that is done
    counts    jsonb       not null default '{}',       -- where -> how many rows went, or were rid of them
    kept      jsonb       not null default '[]',       -- what stays without them, and why
    why       text        not null default '',         -- what it waits for
    due_at    timestamptz not null default clock_timestamp(),  -- when somebody goes on with it; while one does: when they count as dead
    done_at   timestamptz,
    receipt   jsonb
);
create index erasures_of on erasures (workspace, asked_at desc);
create index erasures_due on erasures (due_at) where done_at is null;
call remit_wall('erasures', 'select');
call remit_wall_by_agent('erasures', 'false');

-- By what erased people were known, as keyed hashes: late events of theirs are not taken in again.
create table erased (
    workspace text        not null default coalesce(remit_here(), 'default'),
    digest    bytea       not null,
    at        timestamptz not null default clock_timestamp(),
    never     boolean     not null default false,      -- nor are those that happen from now on
    primary key (workspace, digest)
);
call remit_wall('erased', 'select');
call remit_wall_by_agent('erased', 'false');

-- What must be kept for so long, whoever is erased: it stays without the person.
create table holds (
    workspace text        not null default coalesce(remit_here(), 'default'),
    name      text        not null check (name ~ '^[a-z][a-z0-9_-]{0,39}$'),
    kinds     text[]      not null check (cardinality(kinds) > 0),  -- of interactions
    lasts     interval    not null,                    -- since they happened
    because   text        not null,
    by        text        not null,
    at        timestamptz not null default clock_timestamp(),
    primary key (workspace, name)
);
call remit_wall('holds', 'select, insert, update, delete');
call remit_wall_by_agent('holds', 'false');

-- The chain: entries of the audit log, journals of ended runs and receipts, each as a salted hash, and linked to what came before.
-- Without its salt a hash says nothing of what it was made of; the link over it holds all the same.
create table chain (
    workspace text        not null default coalesce(remit_here(), 'default'),
    number    bigint      not null check (number > 0),
    kind      text        not null check (kind in ('audit', 'run', 'receipt')),
    about     text        not null,                    -- the number of the entry, run or erasure
    events    integer     not null default 0,          -- of a run: so many of its journal
    of        timestamptz not null,                    -- when that was
    salt      bytea,                                   -- null: what it was made of was changed or taken away by `erasure`s after it
    digest    bytea       not null,
    erasure   uuid,                                    -- that made it to be so; what was sealed of it before no longer is
    link      bytea       not null,                    -- SHA-256 of the link before and of all this but the salt
    primary key (workspace, number)
);
create index chain_about on chain (workspace, kind, about);
create index chain_runs on chain (workspace, of) where kind = 'run';
call remit_wall('chain', 'select');
call remit_wall_by_agent('chain', 'false');

-- The audit log is only ever added to, but by an erasure, which says which one it is and leaves its mark in the chain.
create or replace function keep_audit() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and exists (
        select from erasures where id::text = current_setting('remit.erasure', true) and done_at is null
    ) then
        return null;
    end if;
    raise exception 'the audit log is only ever added to';
end $$;
