-- What a person sees of their sessions, and which of them have shown lately that it is still they.
alter table sessions add column id bigint generated always as identity;
alter table sessions add column how text not null default 'link';     -- link, password, invitation, oidc
alter table sessions add column browser text not null default '';     -- as it calls itself, cut
alter table sessions add column address text not null default '';
alter table sessions add column proved_at timestamptz not null default clock_timestamp();
create unique index sessions_id on sessions (id);

-- Where a person was added first: an owner there may let them set a new password, since it opens all their workspaces.
alter table people add column home text not null default 'default';

-- One-time links by which somebody sets their password. Only the SHA-256 of what stands in the link is here.
create table invitations (
    token      bytea       primary key,
    person     bigint      not null references people,
    made_by    text        not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);
create index invitations_of on invitations (person) where used_at is null;

-- Browsers in which somebody has signed in before: guesses of others do not stand in their way.
create table browsers (
    token   bytea       not null,
    person  bigint      not null references people,
    seen_at timestamptz not null default clock_timestamp(),
    primary key (token, person)
);

-- Tries to sign in, so that all servers count the same. `key`: an account, a browser known to it, or an address.
create table tries (
    id  bigint      generated always as identity primary key,
    key text        not null,
    at  timestamptz not null default clock_timestamp()
);
create index tries_of on tries (key, at);
create index tries_old on tries (at);
