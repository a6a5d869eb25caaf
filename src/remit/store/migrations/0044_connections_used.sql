-- When a run last used a connection, and whether that worked: told at most once a minute by each process.
alter table connections
    add column used_at   timestamptz,
    add column used_by   text        not null default '',  -- the agent
    add column used_run  uuid,
    add column worked_at timestamptz,                      -- when a run last found out whether it works
    add column worked    boolean,
    add column went      text        not null default '';  -- what went wrong then, in words
