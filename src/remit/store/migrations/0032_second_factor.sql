-- A second factor beside the password: a secret from which an app counts codes. It is sealed, as secrets are.
create table factors (
    person       bigint      primary key references people,
    sealed       bytea,                       -- null: none is asked yet
    step         bigint      not null default 0,  -- of the last code that was taken: none is taken twice
    confirmed_at timestamptz,
    coming       bytea,                       -- one that is being set up, until a code of it is shown
    coming_at    timestamptz
);

-- What signs in once where the app is lost. Only the SHA-256 is here, of 120 random bits.
create table recovery_codes (
    person  bigint      not null references people,
    code    bytea       not null,
    used_at timestamptz,
    primary key (person, code)
);

-- Those whose password was right, and who are still asked for a code. Only the SHA-256 of what their browser keeps is here.
create table challenges (
    token      bytea       primary key,
    person     bigint      not null references people,
    how        text        not null,
    onward     text        not null,
    tries      integer     not null default 0,
    expires_at timestamptz not null
);
create index challenges_old on challenges (expires_at);

-- Whether whoever comes to it by a password must have a second factor.
alter table workspaces add column second_factor boolean not null default false;
