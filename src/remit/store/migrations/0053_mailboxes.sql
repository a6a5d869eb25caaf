-- How far the mailbox of a trigger has been read. A message is one row of firings, by what it holds; here is where to go on.
create table mailboxes (
    workspace text        not null default coalesce(remit_here(), 'default'),
    agent     text        not null,
    trigger   text        not null,
    validity  bigint,                                        -- of the folder (UIDVALIDITY); null: nobody has looked yet
    last      bigint      not null default 0,                -- the UID of the last message that was taken
    since     timestamptz not null default clock_timestamp(),  -- what came before begins nothing
    next_at   timestamptz not null default clock_timestamp(),  -- the next look; while somebody looks: when they count as dead
    looked_at timestamptz,
    went      text        not null default '',               -- what went wrong at the last look
    primary key (workspace, agent, trigger)
);
call remit_wall('mailboxes', 'select, insert, update');
