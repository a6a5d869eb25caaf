-- Playbooks in versions, and what they decided. `remit/decisions/kept.py`, `log.py` and `learned.py` read and write them;
-- docs/decisions/0022 says why they have this shape.

create table playbooks (
    workspace  text        not null default coalesce(remit_here(), 'default'),
    name       text        not null check (name ~ '^[a-z][a-z0-9_-]{0,63}$'),
    versions   integer     not null default 0,            -- the newest one's number
    heard      bigint      not null default 0,            -- the last interaction that was looked at for what came of decisions
    primary key (workspace, name)
);
call remit_wall('playbooks', 'select, insert, update');
call remit_wall_by_agent('playbooks', 'false');

create table playbook_versions (
    workspace text        not null default coalesce(remit_here(), 'default'),
    playbook  text        not null,
    version   integer     not null,
    text      text        not null,                       -- YAML, as somebody wrote it
    spec      jsonb       not null,                       -- the same, checked
    note      text        not null,
    who       text        not null,
    at        timestamptz not null default clock_timestamp(),
    stage     text        not null check (stage in ('off', 'shadow', 'ramp', 'live')),
    share     real        not null default 0 check (share between 0 and 1),  -- of people, in ramp
    staged_by text        not null,
    staged_at timestamptz not null default clock_timestamp(),
    why       text        not null default '',            -- it stands where it stands
    before    integer,                                    -- the version that was live when this one became so
    primary key (workspace, playbook, version)
);
create unique index playbook_versions_standing on playbook_versions (workspace, playbook, stage) where stage <> 'off';
call remit_wall('playbook_versions', 'select, insert, update');
call remit_wall_by_agent('playbook_versions', 'false');

-- Each choice, as it was made. Append-only: what came of it stands apart.
create table decisions (
    id         bigint      generated always as identity,
    workspace  text        not null default coalesce(remit_here(), 'default'),
    playbook   text        not null,
    version    integer     not null,
    stage      text        not null,                      -- of the version then: shadow, ramp, live
    person     bigint      not null,                      -- a profile of theirs, as people were known then
    at         timestamptz not null,
    action     text        not null,
    does       text        not null,                      -- send, call, …, wait, nothing
    propensity double precision not null,
    holdout    boolean     not null,
    chosen     boolean     not null,                      -- there was something to choose among
    cost       double precision not null,
    reason     text        not null,
    options    jsonb       not null,                      -- [action, expected, chance]
    ruled_out  jsonb       not null,                      -- [action, [[rule, because, until]]]
    features   jsonb       not null,                      -- what was known, in the featuriser's order; its version first
    after      bigint,                                    -- the decision that this one follows up
    primary key (workspace, id)
);
create index decisions_of on decisions (workspace, person, id);
create index decisions_lately on decisions (workspace, playbook, at, id);
call remit_wall('decisions', 'select, insert');
call remit_wall_by_agent('decisions', 'false');

-- What came of decisions, each time that it became known or was corrected: the last of a decision counts.
create table decision_credits (
    n         bigint      generated always as identity,
    workspace text        not null default coalesce(remit_here(), 'default'),
    playbook  text        not null,
    decision  bigint      not null,
    value     double precision not null,
    was       double precision,                           -- before; null: it is the first word
    at        timestamptz not null default clock_timestamp(),
    primary key (workspace, n)
);
create index decision_credits_of on decision_credits (workspace, decision, n desc);
create index decision_credits_since on decision_credits (workspace, playbook, n);
call remit_wall('decision_credits', 'select, insert');
call remit_wall_by_agent('decision_credits', 'false');

-- What followed decisions and should not have: once of each guardrail.
create table decision_followed (
    workspace   text        not null default coalesce(remit_here(), 'default'),
    decision    bigint      not null,
    guardrail   text        not null,
    interaction bigint      not null,
    at          timestamptz not null,
    primary key (workspace, decision, guardrail)
);
call remit_wall('decision_followed', 'select, insert');
call remit_wall_by_agent('decision_followed', 'false');

-- What a version has learned: one writer at a time holds its row, and writes how far it has read with what it knows by then.
create table playbook_learned (
    workspace text        not null default coalesce(remit_here(), 'default'),
    playbook  text        not null,
    version   integer     not null,
    upto      bigint      not null default 0,             -- of decision_credits
    told      bigint      not null default 0,             -- decisions that it has learned from
    trust     double precision not null default 0,        -- how often it chooses by person
    alarms    integer     not null default 0,             -- times that the world had changed
    alarmed_at timestamptz,
    state     bytea,
    at        timestamptz not null default clock_timestamp(),
    primary key (workspace, playbook, version)
);
call remit_wall('playbook_learned', 'select, insert, update');
call remit_wall_by_agent('playbook_learned', 'false');

-- A round: decisions for many people, one after the other, which goes on where it was broken off.
create table decision_rounds (
    id        uuid        primary key,
    workspace text        not null default coalesce(remit_here(), 'default'),
    playbook  text        not null,
    by        text        not null,
    begun_at  timestamptz not null default clock_timestamp(),
    upto      bigint      not null default 0,             -- the last person that was decided
    last      bigint      not null,                       -- the last person of the round
    looked_at bigint      not null default 0,             -- people
    made      bigint      not null default 0,             -- decisions
    done_at   timestamptz
);
create unique index decision_rounds_open on decision_rounds (workspace, playbook) where done_at is null;
create index decision_rounds_of on decision_rounds (workspace, playbook, begun_at desc);
call remit_wall('decision_rounds', 'select, insert, update');
call remit_wall_by_agent('decision_rounds', 'false');
