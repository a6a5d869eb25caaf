-- How what people write sounds, and up to which interaction of each workspace that was looked at. `remit/graph/sentiment.py` keeps it.
create table graph_felt (
    workspace   text   not null default coalesce(remit_here(), 'default'),
    interaction bigint not null,
    score       real   not null check (score between -1 and 1),
    primary key (workspace, interaction)
);
call remit_wall('graph_felt', 'select, insert, update, delete');
call remit_wall_by_agent('graph_felt', 'false');

create table graph_read (
    workspace text   not null default coalesce(remit_here(), 'default') primary key,
    upto      bigint not null default 0
);
call remit_wall('graph_read', 'select, insert, update, delete');
call remit_wall_by_agent('graph_read', 'false');
