-- Links by which readers say that they want no more of it: a word that nobody can guess, for one person, channel and purpose.
create table leaving (
    digest    bytea       primary key,                    -- of the word: whoever reads this table cannot leave for others
    workspace text        not null default coalesce(remit_here(), 'default'),
    profile   bigint      not null,
    channel   text        not null,
    purpose   text        not null,
    at        timestamptz not null default clock_timestamp()
);
create index leaving_of on leaving (profile);
call remit_wall('leaving', '');
