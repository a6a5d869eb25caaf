-- What is known of people and may not be used for everything: which fields, for which purposes. `remit/graph/purposes.py` keeps it;
-- docs/decisions/0027 says why a purpose is a part of a label.
create table purposes (
    workspace text        not null default coalesce(remit_here(), 'default'),
    field     text        not null,                     -- about.KEY, kind.KIND, channel.CHANNEL, known.NAME
    purposes  text[]      not null check (cardinality(purposes) > 0),
    because   text        not null,
    by        text        not null,
    at        timestamptz not null default clock_timestamp(),
    primary key (workspace, field)
);
call remit_wall('purposes', 'select, insert, update, delete');
call remit_wall_by_agent('purposes', 'false');
