-- Who is away, and who decides in their place meanwhile. A row is never changed but to revoke it.
create table away (
    id         integer     generated always as identity primary key,
    who        text        not null,
    deputy     text        not null,
    since      timestamptz not null default now(),
    until      timestamptz not null,
    revoked_at timestamptz
);
create index away_now on away (until) where revoked_at is null;
