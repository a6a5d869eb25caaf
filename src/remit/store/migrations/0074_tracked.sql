-- Mail of which it is heard whether somebody opened it and what they followed, where its mailbox says so.
create table tracked (
    id        bigint      generated always as identity primary key,
    digest    bytea       not null unique,                  -- of the word in its links: whoever reads this table follows none
    workspace text        not null default coalesce(remit_here(), 'default'),
    profile   bigint      not null,                         -- its reader
    message   text        not null,
    at        timestamptz not null default clock_timestamp()
);
create index tracked_of on tracked (profile);
call remit_wall('tracked', '');

-- Each time that it was opened ('') or a link of it followed. `machine`: why it was none of its reader's doing. The graph is told of the others, when it is clear
-- which they are.
create table tracked_hits (
    id        bigint      generated always as identity primary key,
    workspace text        not null default coalesce(remit_here(), 'default'),
    tracked   bigint      not null references tracked on delete cascade,
    at        timestamptz not null default clock_timestamp(),
    url       text        not null default '',
    machine   text        not null default '',
    told      boolean     not null default false
);
create index tracked_hits_of on tracked_hits (tracked);
create index tracked_hits_due on tracked_hits (at) where not told;
call remit_wall('tracked_hits', '');
