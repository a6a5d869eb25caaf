-- Files that somebody sends to be taken in, until it is settled what their columns are; and what an intake was told of late.
create table graph_uploads (
    id        uuid        primary key default gen_random_uuid(),
    workspace text        not null default coalesce(remit_here(), 'default'),
    name      text        not null,                       -- of the file
    text      text        not null,
    by        text        not null,
    at        timestamptz not null default clock_timestamp()
);
create index graph_uploads_of on graph_uploads (workspace, at);
call remit_wall('graph_uploads', 'select, insert, delete');

alter table intakes add column lately jsonb not null default '[]';  -- the last first: at, taken, known, aside, went
