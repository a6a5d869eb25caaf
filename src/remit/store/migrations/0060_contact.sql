-- Who was reached, by whichever agent or campaign; who is to be left alone; and the rules by which people may be reached.
-- `remit/decisions/contacts.py` keeps all three; docs/decisions/0023 says why a contact is reserved before its effect.

create table contacts (
    id        bigint      generated always as identity primary key,
    workspace text        not null default coalesce(remit_here(), 'default'),
    profile   bigint      not null,                       -- the identifier that was reached; whose it is, says the graph
    at        timestamptz not null,
    channel   text        not null,
    purpose   text        not null,
    action    text        not null default '',            -- of a playbook
    by        text        not null,                       -- an agent, a playbook, or whoever called somebody
    run       uuid,
    call      text        not null default '',
    -- reserved: it is about to be, or in doubt; sent: it was; failed: it came to nothing; refused: a rule was against it
    state     text        not null check (state in ('reserved', 'sent', 'failed', 'refused')),
    why       text        not null default '',            -- it was refused, or failed
    until     timestamptz,                                -- when what refused it ends
    unique (run, call, profile)
);
create index contacts_of on contacts (profile, at) where state in ('reserved', 'sent');
create index contacts_open on contacts (at) where state = 'reserved';
create index contacts_lately on contacts (workspace, id);
call remit_wall('contacts', 'select, insert, update');
call remit_wall_by_agent('contacts', 'false');

create table suppressions (
    id        bigint      generated always as identity primary key,
    workspace text        not null default coalesce(remit_here(), 'default'),
    profile   bigint      not null,
    channel   text        not null default '',            -- empty: all of them
    because   text        not null,
    until     timestamptz,                                -- null: for good
    by        text        not null,
    at        timestamptz not null default clock_timestamp(),
    lifted_at timestamptz,
    lifted_by text
);
create index suppressions_of on suppressions (profile) where lifted_at is null;
call remit_wall('suppressions', 'select, insert, update');
call remit_wall_by_agent('suppressions', 'false');

create table contact_rules (
    workspace text        not null default coalesce(remit_here(), 'default'),
    version   integer     not null,
    rules     jsonb       not null,                       -- as `Rules` of remit/decisions/action.py reads them
    note      text        not null default '',
    who       text        not null,
    at        timestamptz not null default clock_timestamp(),
    primary key (workspace, version)
);
call remit_wall('contact_rules', 'select, insert');
call remit_wall_by_agent('contact_rules', 'false');
