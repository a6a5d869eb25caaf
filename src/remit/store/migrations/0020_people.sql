-- Who may come, and what each may do where. A person is named by a login name or an e-mail, whatever its case: rules and
-- journals name them the same way. Nobody is ever removed: what they said yes to keeps its name.
create table people (
    id       bigint      generated always as identity primary key,
    name     text        not null,
    shown    text        not null default '',  -- how they are called, where that is not their name
    password text,                             -- its argon2id hash; null: they sign in otherwise, or not yet
    added_at timestamptz not null default clock_timestamp(),
    added_by text        not null
);
create unique index people_named on people (lower(name));

create table members (
    workspace   text        not null default 'default',
    person      bigint      not null references people,
    role        text        not null check (role in ('owner', 'builder', 'operator', 'approver', 'viewer')),
    disabled_at timestamptz,                   -- since when they may do nothing, their tokens and sessions neither
    primary key (workspace, person)
);

-- Until now whoever was let in had the machine's shell, and could do everything.
with came as (
    insert into people (name, added_by)
    select distinct on (lower(who)) who, 'migration'
    from (select who, created_at from sessions union all select who, created_at from tokens) known
    order by lower(who), created_at
    returning id
)
insert into members (person, role) select id, 'owner' from came;
