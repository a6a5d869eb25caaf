-- Who may call the API, and for what. The caller holds a random token, and here is only its SHA-256: who reads this table
-- can call as nobody.
create table tokens (
    id         integer     generated always as identity primary key,
    name       text        not null,
    token      bytea       not null unique,
    who        text        not null,  -- in whose name it calls
    scopes     text[]      not null,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,           -- null: never
    used_at    timestamptz,           -- to the minute
    revoked_at timestamptz
);
create unique index tokens_named on tokens (name) where revoked_at is null;

-- Which run a caller's Idempotency-Key began, for a day: the same key again is the same run.
create table begun (
    caller     text        not null,  -- a token or a person signed in
    key        text        not null,
    request    bytea       not null,  -- SHA-256 of what was asked
    run        uuid        not null,  -- chosen before it begins, so that a crash between the two makes no second one
    expires_at timestamptz not null,
    primary key (caller, key)
);
create index begun_expired on begun (expires_at);
