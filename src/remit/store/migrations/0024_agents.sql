-- Agents that are built here, beside those that are files. What runs is a published version; a draft is on the way to one.
create table agents (
    workspace   text        not null default 'default',
    name        text        not null,
    rev         bigint      not null default 1,  -- counts every change, so that of two people who edit one is told
    draft       text,                            -- YAML; null: nothing differs from what is published
    drafted_by  text        not null default '',
    drafted_at  timestamptz,
    published   integer,                         -- the version that runs; null: none has been published
    archived_at timestamptz,
    created_by  text        not null,
    created_at  timestamptz not null default clock_timestamp(),
    primary key (workspace, name)
);

-- Never changed and never removed: a roll-back is a new version with an old text.
create table agent_versions (
    workspace text        not null default 'default',
    agent     text        not null,
    version   integer     not null check (version > 0),
    yaml      text        not null,
    note      text        not null default '',
    who       text        not null,
    at        timestamptz not null default clock_timestamp(),
    same_as   integer,  -- the version that it goes back to
    primary key (workspace, agent, version),
    foreign key (workspace, agent) references agents (workspace, name)
);
