-- What decisions come to, kept as they are written, so that pages read sums and not logs; by which key somebody is in a holdout or a ramp; how
-- urgent an action was. `remit/decisions/totals.py`, `keys.py` and `urgency.py` say what for.

alter table decisions add column urgency jsonb not null default '{}';     -- action -> [times, because], where something pressed
alter table decisions add column tried boolean not null default false;    -- something else had the highest score
update decisions set tried = true where chosen and not holdout and exists (
    select from jsonb_array_elements(options) as best
    where (best ->> 1)::float8 > (select max((own ->> 1)::float8) from jsonb_array_elements(options) as own where own ->> 0 = action)
);

-- By profile, so that a merge takes nothing away and an unmerge gives it back: the key that was in force when something was decided first.
create table decision_keys (
    workspace text        not null default coalesce(remit_here(), 'default'),
    profile   bigint      not null,
    key       bigint      not null,                       -- what is hashed: a person's number, as it was then
    at        timestamptz not null,
    primary key (workspace, profile)
);
call remit_wall('decision_keys', 'select, insert');
call remit_wall_by_agent('decision_keys', 'false');
insert into decision_keys select workspace, person, person, min(at) from decisions group by 1, 2;

-- Each statement that writes or deletes decisions, or what came of them, adds what it changed; now and then that is put together (`fold`). Nobody
-- waits for anybody, and what somebody had removed is no longer counted.
create table decision_sums (
    workspace text    not null default coalesce(remit_here(), 'default'),
    playbook  text    not null,
    version   integer not null,
    day       date    not null,                           -- in UTC
    stage     text    not null,
    action    text    not null,
    does      text    not null,
    holdout   boolean not null,
    chosen    boolean not null,
    chance    integer not null,                           -- between which bounds it was how likely
    times     bigint  not null,
    likely    double precision not null,                  -- the sum of propensities
    rarest    double precision,                           -- the least of them that ever was
    tried     bigint  not null,
    spent     double precision not null,
    closed    bigint  not null,                           -- of so many it is known what came of them
    total     double precision not null,                  -- which was so much, less the cost
    squares   double precision not null,
    fresh     boolean not null default true               -- not put together yet
);
create index decision_sums_of on decision_sums (workspace, playbook, version, day);
create index decision_sums_fresh on decision_sums (workspace, playbook) where fresh;
call remit_wall('decision_sums', 'select, insert, delete');
call remit_wall_by_agent('decision_sums', 'false');

create function remit_chance(_propensity double precision) returns integer language sql immutable parallel safe
return width_bucket(_propensity, array[0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.95]::double precision[]);

create function remit_decisions_summed() returns trigger language plpgsql as $$
declare
    sign integer := case tg_op when 'INSERT' then 1 else -1 end;
begin
    insert into decision_sums (workspace, playbook, version, day, stage, action, does, holdout, chosen, chance, times, likely, rarest, tried, spent,
                               closed, total, squares)
    select s.workspace, s.playbook, s.version, (s.at at time zone 'UTC')::date, s.stage, s.action, s.does, s.holdout, s.chosen,
           remit_chance(s.propensity), sign * count(*), sign * sum(s.propensity), min(s.propensity) filter (where sign > 0),
           sign * count(*) filter (where s.tried), sign * coalesce(sum(s.cost) filter (where s.stage <> 'shadow' and not s.holdout), 0),
           sign * count(came.value), sign * coalesce(sum(came.value - s.cost), 0), sign * coalesce(sum((came.value - s.cost) ^ 2), 0)
    from them s left join lateral (
        -- of one that is deleted: what came of it may stand there still
        select value from decision_credits c where c.workspace = s.workspace and c.decision = s.id order by n desc limit 1
    ) as came on sign < 0 and s.stage <> 'shadow' and (s.chosen or s.holdout)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
    return null;
end;
$$;
create trigger summed after insert on decisions referencing new table as them for each statement execute function remit_decisions_summed();
create trigger unsummed after delete on decisions referencing old table as them for each statement execute function remit_decisions_summed();

create function remit_credits_summed() returns trigger language plpgsql as $$
declare
    sign integer := case tg_op when 'INSERT' then 1 else -1 end;
begin
    insert into decision_sums (workspace, playbook, version, day, stage, action, does, holdout, chosen, chance, times, likely, tried, spent,
                               closed, total, squares)
    select d.workspace, d.playbook, d.version, (d.at at time zone 'UTC')::date, d.stage, d.action, d.does, d.holdout, d.chosen,
           remit_chance(d.propensity), 0, 0, 0, 0, sign * count(*) filter (where s.was is null),
           sign * sum(s.value - case when s.was is null then d.cost else s.was end),
           sign * sum((s.value - d.cost) ^ 2 - case when s.was is null then 0 else (s.was - d.cost) ^ 2 end)
    from them s join decisions d on d.workspace = s.workspace and d.id = s.decision
    where d.stage <> 'shadow' and (d.chosen or d.holdout)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
    return null;
end;
$$;
create trigger summed after insert on decision_credits referencing new table as them for each statement execute function remit_credits_summed();
create trigger unsummed after delete on decision_credits referencing old table as them for each statement execute function remit_credits_summed();

insert into decision_sums
select d.workspace, playbook, version, (at at time zone 'UTC')::date, stage, action, does, holdout, chosen, remit_chance(propensity), count(*),
       sum(propensity), min(propensity), count(*) filter (where tried), coalesce(sum(cost) filter (where stage <> 'shadow' and not holdout), 0),
       count(value), coalesce(sum(value - cost), 0), coalesce(sum((value - cost) ^ 2), 0), false
from decisions d left join lateral (
    select value from decision_credits c where c.workspace = d.workspace and c.decision = d.id order by n desc limit 1
) as came on stage <> 'shadow' and (chosen or holdout)
group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;

-- What followed is counted by version without looking its decisions up
alter table decision_followed add column playbook text not null default '', add column version integer not null default 0;
update decision_followed f set playbook = d.playbook, version = d.version from decisions d where d.workspace = f.workspace and d.id = f.decision;
create index decision_followed_of on decision_followed (workspace, playbook, version, guardrail);
