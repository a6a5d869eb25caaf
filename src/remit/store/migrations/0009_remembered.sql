-- What a person said yes to and wants to be asked no more. A row is never changed but to revoke it.
create table remembered (
    id         integer     generated always as identity primary key,
    agent      text        not null,
    tool       text        not null,
    rule       text        not null,  -- that asked, by its name: where another asks, this says nothing
    bounds     jsonb       not null,  -- [{"argument": …, "value": its canonical form} or {"argument": …, "most": a number}]
    by         text        not null,
    at         timestamptz not null default now(),
    run        uuid        not null,  -- where the yes was said, and to what
    ask        text        not null,
    revoked_at timestamptz,
    revoked_by text
);
create index remembered_of on remembered (agent, tool) where revoked_at is null;
