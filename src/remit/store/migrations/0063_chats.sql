-- What visitors of a site write in its chat, and what they are answered. Who they are is known by a token that only their browser has.
create table chat_sessions (
    id        uuid        primary key default gen_random_uuid(),
    workspace text        not null default coalesce(remit_here(), 'default'),
    agent     text        not null,
    trigger   text        not null,
    token     bytea       not null unique,                   -- its hash
    device    text        not null,
    profile   bigint      not null,                          -- of the device, in the graph
    origin    text        not null,
    subject   text        not null default '',               -- who the site says they are, signed; empty: nobody knows
    email     text        not null default '',
    name      text        not null default '',
    run       uuid,                                          -- that answers, or did last
    at        timestamptz not null default clock_timestamp()
);
create index chat_sessions_profile on chat_sessions (profile);
call remit_wall('chat_sessions', 'select, insert, update, delete');

create table chat_messages (
    id        bigint      generated always as identity primary key,
    workspace text        not null default coalesce(remit_here(), 'default'),
    session   uuid        not null references chat_sessions on delete cascade,
    at        timestamptz not null default clock_timestamp(),
    side      text        not null check (side in ('visitor', 'agent')),
    text      text        not null,
    key       text        not null,                          -- by which it is written once
    run       uuid,                                          -- that has read it, or wrote it
    unique (session, key)
);
create index chat_messages_session on chat_messages (session, id);
call remit_wall('chat_messages', 'select, insert, update, delete');
