-- Segments: people by what is true of them, named, and how many they were. `remit/graph/segments.py` keeps both. Who is in one is
-- asked of the graph each time, and kept nowhere.

create table segments (
    workspace text        not null default coalesce(remit_here(), 'default'),
    name      text        not null check (name ~ '^[a-z0-9][a-z0-9_-]{0,59}$'),
    note      text        not null default '',
    spec      jsonb       not null,                       -- as `Segment` of remit/graph/segment.py reads it
    who       text        not null,
    at        timestamptz not null default clock_timestamp(),
    primary key (workspace, name)
);
call remit_wall('segments', 'select, insert, update, delete');
call remit_wall_by_agent('segments', 'false');

create table segment_sizes (
    workspace text        not null default coalesce(remit_here(), 'default'),
    segment   text        not null,
    day       date        not null,
    people    bigint      not null,
    whole     bigint      not null,                       -- people that are known
    exact     boolean     not null,                       -- counted, and not estimated
    primary key (workspace, segment, day)
);
call remit_wall('segment_sizes', 'select, insert, update, delete');
call remit_wall_by_agent('segment_sizes', 'false');
