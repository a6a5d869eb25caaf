-- How the rules for every agent have stood, each time that somebody saved them. The file is what holds; the newest row says
-- what it was when it was last saved from here.
create table rule_versions (
    id        bigint      generated always as identity primary key,
    workspace text        not null default coalesce(remit_here(), 'default'),
    text      text        not null,
    note      text        not null,
    who       text        not null,
    at        timestamptz not null default clock_timestamp()
);
create index rule_versions_newest on rule_versions (workspace, id desc);
call remit_wall('rule_versions', 'select, insert');
