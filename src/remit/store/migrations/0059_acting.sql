-- What is to be done of decisions, each once; and what rounds and capacities are found by. `remit/acting.py` does it.

create table decision_acts (
    workspace text        not null default coalesce(remit_here(), 'default'),
    decision  bigint      not null,
    follows   boolean     not null default false,         -- not the action itself, but to look whether it was answered
    playbook  text        not null,
    state     text        not null default 'due' check (state in ('due', 'begun', 'done', 'skipped', 'failed')),
    why       text        not null default '',
    due_at    timestamptz not null default clock_timestamp(),
    attempts  integer     not null default 0,
    run       uuid,                                       -- that does it
    primary key (workspace, decision, follows)
);
create index decision_acts_due on decision_acts (due_at) where state = 'due';
create index decision_acts_of on decision_acts (run) where run is not null;
call remit_wall('decision_acts', 'select, insert, update');
call remit_wall_by_agent('decision_acts', 'false');

alter table decision_rounds add column conditions text[] not null default '{}';  -- of whom it is, by what is known of them
alter table decision_rounds add column people bigint not null default 0;   -- whom it is to look at, as they were counted when it began
alter table decision_rounds add column spent double precision not null default 0;

-- What a team has had of each action lately
create index decisions_used on decisions (workspace, playbook, action, at) where stage <> 'shadow' and does not in ('nothing', 'wait');
-- Whose choice holds, and what they were chosen for
create index decisions_holding on decisions (workspace, playbook, person, at desc);

alter table playbooks add column closed bigint not null default 0;  -- the last decision of which it is known what came of it
