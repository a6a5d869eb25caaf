-- Sums of decisions say nothing of those that were removed: `remit/decisions/totals.py` looks for the least propensity anew where the removed one had
-- it, and drops what comes to nothing.

create or replace function remit_decisions_summed() returns trigger language plpgsql as $$
declare
    sign integer := case tg_op when 'INSERT' then 1 else -1 end;
begin
    insert into decision_sums (workspace, playbook, version, day, stage, action, does, holdout, chosen, chance, times, likely, rarest, tried, spent,
                               closed, total, squares)
    select s.workspace, s.playbook, s.version, (s.at at time zone 'UTC')::date, s.stage, s.action, s.does, s.holdout, s.chosen,
           remit_chance(s.propensity), sign * count(*), sign * sum(s.propensity), min(s.propensity),     -- of what is removed too, until it is put together
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

delete from decision_sums s using (
    select workspace, playbook, version, day, stage, action, does, holdout, chosen, chance from decision_sums
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 having sum(times) = 0
) as none
where (s.workspace, s.playbook, s.version, s.day, s.stage, s.action, s.does, s.holdout, s.chosen, s.chance)
    = (none.workspace, none.playbook, none.version, none.day, none.stage, none.action, none.does, none.holdout, none.chosen, none.chance);
