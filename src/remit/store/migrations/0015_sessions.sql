-- Who is signed in to the console. The browser holds a random token, and here is only its SHA-256: who reads this table
-- can sign in as nobody.
create table sessions (
    token      bytea primary key,
    who        text not null,
    created_at timestamptz not null default clock_timestamp(),
    seen_at    timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    revoked_at timestamptz
);

create index sessions_who on sessions (lower(who)) where revoked_at is null;
