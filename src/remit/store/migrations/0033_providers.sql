-- Who else says who somebody is: OpenID providers, each of a workspace. The client's secret is sealed, as secrets are.
create table providers (
    workspace text        not null default coalesce(remit_here(), 'default'),
    name      text        not null check (name ~ '^[a-z][a-z0-9-]{0,39}$'),
    title     text        not null,
    issuer    text        not null,
    client    text        not null,               -- the client's id there
    sealed    bytea,                              -- null: a client without a secret
    domains   text[]      not null default '{}',  -- of whose addresses new people may come
    role      text        check (role in ('builder', 'operator', 'approver', 'viewer')),  -- as what; null: nobody new
    required  boolean     not null default false, -- passwords are off for whoever is at home in the workspace
    inner_net boolean     not null default false, -- its host may be in the server's own network
    by        text        not null,
    at        timestamptz not null default clock_timestamp(),
    primary key (workspace, name)
);
call remit_wall('providers', '');

-- Whom a provider means by a subject, from their first sign-in on: an address that is given to somebody else later opens nothing.
create table identities (
    workspace text        not null default coalesce(remit_here(), 'default'),  -- whose provider it is
    issuer    text        not null,
    subject   text        not null,
    person    bigint      not null references people,
    at        timestamptz not null default clock_timestamp(),
    primary key (workspace, issuer, subject),
    unique (workspace, issuer, person)
);
call remit_wall('identities', '');

-- Those who were sent to a provider and are not back yet. Of state and browser only the SHA-256 is here.
create table errands (
    state      bytea       primary key,
    browser    bytea       not null,
    workspace  text        not null default coalesce(remit_here(), 'default'),
    provider   text        not null,
    nonce      text        not null,
    verifier   text        not null,
    back       text        not null,  -- where the provider sends them
    onward     text        not null,
    who        text        not null default '',  -- whom it must be, where somebody shows that it is still they
    session    bytea,                 -- theirs, which ends with it
    tries      bigint[]    not null default '{}',
    began_at   timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
);
create index errands_old on errands (expires_at);
call remit_wall('errands', '');
