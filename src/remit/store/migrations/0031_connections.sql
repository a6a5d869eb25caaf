-- Outside systems that the agents of a workspace may be connected to. Secrets are references; `body` holds none.
create table connections (
    workspace text        not null default coalesce(remit_here(), 'default'),
    name      text        not null,
    body      jsonb       not null,
    by        text        not null,
    at        timestamptz not null default clock_timestamp(),
    tried_at  timestamptz,
    tried     text        not null default '',  -- what came of it, in words
    works     boolean,
    primary key (workspace, name)
);
call remit_wall('connections', 'select, insert, update, delete');
