-- What tools need and nobody else may see, each value sealed (AES-256-GCM) under a key that is not in the database.
create table secrets (
    name   text        primary key,
    sealed bytea       not null,  -- 8 bytes that name the key, 12 of nonce, then the value; bound to the name
    by     text        not null,
    set_at timestamptz not null default now()
);
