-- What a workspace, and each of its agents, may spend on models in a day and in a month (by UTC). Where there is no budget,
-- nothing here is read or written by the runs of that workspace.
create table budgets (
    workspace text        not null default coalesce(remit_here(), 'default'),
    agent     text        not null default '',  -- '': the workspace, all agents together
    period    text        not null check (period in ('day', 'month')),
    money     numeric     check (money >= 0),   -- US dollars; null: not limited
    tokens    bigint      check (tokens >= 0),
    by        text        not null,
    set_at    timestamptz not null default clock_timestamp(),
    warned    date,       -- the beginning of the period in which it was told that little is left
    primary key (workspace, agent, period),
    check (money is not null or tokens is not null)
);
call remit_wall('budgets', 'select, insert, update, delete');

-- What was spent, by agent and day. Kept while the workspace has a budget.
create table spending (
    workspace text    not null default coalesce(remit_here(), 'default'),
    agent     text    not null,
    day       date    not null,
    money     numeric not null default 0,
    tokens    bigint  not null default 0,
    primary key (workspace, day, agent)
);
alter table spending set (fillfactor = 50);
call remit_wall('spending', 'select, insert, delete');

-- A run that spends: how much of what its journal says it spent stands in `spending` already, and what is set aside for the
-- model call that it is about to make. The journal is the truth: what is told is its sum, never an amount to be added, so
-- that whoever goes on with the run tells it again without counting twice.
create table purses (
    run         uuid    primary key,
    workspace   text    not null default coalesce(remit_here(), 'default'),
    agent       text    not null,
    money       numeric not null,
    tokens      bigint  not null,
    held_money  numeric not null default 0,
    held_tokens bigint  not null default 0,
    short       boolean not null default false  -- it waits until there is room
);
create index purses_open on purses (workspace) where held_tokens > 0 or held_money > 0 or short;
alter table purses set (fillfactor = 50);
call remit_wall('purses', 'select, insert, delete');

-- Tells what a run has spent until now, and sets aside what its next model call may take at the most. Returns the budgets that
-- have no room for that; none: it is set aside. `_want_money` null: it makes no call now, and what was set aside is given back.
-- One at a time in a workspace, so that no two take the same room.
create function remit_spend(
    _run uuid, _workspace text, _agent text, _money numeric, _tokens bigint, _want_money numeric, _want_tokens bigint,
    _ended boolean
) returns table (
    whose text, span text, most_money numeric, most_tokens bigint, spent_money numeric, spent_tokens bigint,
    aside_money numeric, aside_tokens bigint, line bigint
) language plpgsql as $$
#variable_conflict use_column
declare
    was   purses;
    today date;
    fits  boolean := true;
begin
    perform pg_advisory_xact_lock(hashtext('remit_budget'), hashtext(_workspace));
    today := (clock_timestamp() at time zone 'UTC')::date;
    select * into was from purses where run = _run;
    if not found then
        if _want_money is null then
            return;
        end if;
        insert into purses (run, workspace, agent, money, tokens) values (_run, _workspace, _agent, _money, _tokens)
        returning * into was;
    end if;
    if _money <> was.money or _tokens <> was.tokens then
        insert into spending as s (workspace, agent, day, money, tokens)
        values (_workspace, _agent, today, _money - was.money, _tokens - was.tokens)
        on conflict (workspace, day, agent)
        do update set money = s.money + excluded.money, tokens = s.tokens + excluded.tokens;
        perform remit_warn(_workspace, _agent, today);
    end if;
    if _ended then
        delete from purses where run = _run;
        return;
    end if;
    if _want_money is not null then
        return query
            select b.agent, b.period, b.money, b.tokens, s.money, s.tokens, h.money, h.tokens,
                   (select count(*) from purses where workspace = _workspace and short)
              from budgets as b,
                   lateral (select coalesce(sum(money), 0) as money, coalesce(sum(tokens), 0)::bigint as tokens from spending
                             where workspace = _workspace and (b.agent = '' or agent = b.agent)
                               and day >= date_trunc(b.period, today)) as s,
                   lateral (select coalesce(sum(held_money), 0) as money, coalesce(sum(held_tokens), 0)::bigint as tokens
                              from purses  -- not of a run that rests: its process died before it could say so
                             where workspace = _workspace and run <> _run and (held_tokens > 0 or held_money > 0)
                               and (b.agent = '' or agent = b.agent)
                               and (exists (select from runs where id = purses.run and status = 'running')
                                    or exists (select from leases where leases.run = purses.run))) as h
             where b.workspace = _workspace and b.agent in ('', _agent)
               and ((_want_money > 0 and s.money + h.money + _want_money > b.money)
                    or s.tokens + h.tokens + _want_tokens > b.tokens);
        fits := not found;
    end if;
    update purses
       set money = _money, tokens = _tokens,
           held_money = case when fits then coalesce(_want_money, 0) else 0 end,
           held_tokens = case when fits then coalesce(_want_tokens, 0) else 0 end,
           short = case when _want_money is null then short else not fits end
     where run = _run;
end;
$$;

-- Tells of budgets of which four fifths are used, once in each period: to webhooks that want to hear it.
create function remit_warn(_workspace text, _agent text, _today date) returns void language sql as $$
    with low as (
        update budgets as b set warned = date_trunc(b.period, _today)::date
          from (select coalesce(sum(s.money), 0) as money, coalesce(sum(s.tokens), 0) as tokens, of.agent, of.period
                  from budgets as of left join spending as s
                    on s.workspace = of.workspace and (of.agent = '' or s.agent = of.agent)
                   and s.day >= date_trunc(of.period, _today)
                 where of.workspace = _workspace and of.agent in ('', _agent)
                   and of.warned is distinct from date_trunc(of.period, _today)::date
                 group by of.agent, of.period) as used (money, tokens, agent, period)
         where b.workspace = _workspace and b.agent = used.agent and b.period = used.period
           and (used.money >= 0.8 * b.money or used.tokens >= 0.8 * b.tokens)
        returning b.agent, b.period, b.money, b.tokens, used.money as spent, used.tokens as took
    )
    insert into deliveries (workspace, webhook, agent, type, name, detail)
    select hook.workspace, hook.id, low.agent, 'budget.low', low.agent || ' ' || low.period || ' ' || _today,
           jsonb_strip_nulls(jsonb_build_object(
               'of', case when low.agent = '' then 'workspace' else low.agent end, 'period', low.period,
               'money', low.money::text, 'tokens', low.tokens, 'spent', low.spent::text, 'spent_tokens', low.took))
      from low, webhooks as hook
     where hook.workspace = _workspace and hook.disabled_at is null and 'budget.low' = any (hook.events)
       and (hook.agents = '{}' or low.agent = any (hook.agents))
    on conflict do nothing;
$$;
