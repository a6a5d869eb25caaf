-- Effects that rules sum up or count: one row each, written before the effect together with the reading that its verdict
-- rests on, and removed when the effect did not come about. What really happened is in the journal: a row whose process
-- died is settled by its run, or from its run's events.
create table sums (
    run     uuid        not null,
    call    text        not null,
    tool    text        not null,
    agent   text        not null,
    person  text        not null,  -- the run's person: its id
    email   text        not null,
    at      timestamptz not null,  -- set aside; once settled, its end. By this server's clock
    amounts jsonb       not null,  -- argument -> {"n": number, "unit": currency}; no number: it cannot be read as one
    settled boolean     not null default false,  -- it happened, or nobody can say. Else it is under way, or about to be
    seen    integer     not null default 0,      -- the length of the run's journal when this was last looked up in it
    primary key (run, call)
);
create index sums_of_person on sums (tool, person, at);
create index sums_of_email on sums (tool, email, at) where email <> '';
create index sums_of_agent on sums (tool, agent, at);
create index sums_of_all on sums (tool, at);
create index sums_under_way on sums (tool) where not settled;
alter table sums set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

-- Reads sums, and sets the call aside that they are read for, as one: until the transaction ends nobody reads a sum that this
-- call adds to, and nobody adds to one that is read here. Who reads a sum locks it alone; who adds to it, together with others
-- that do: so calls for different people do not wait for each other. The call itself is not in what is read. Without `_keep`
-- nothing is set aside, and nobody waits.
create function remit_set_aside(
    _keep boolean, _run uuid, _call text, _tool text, _agent text, _person text, _email text, _amounts jsonb,
    _tools text[], _arguments text[], _seconds double precision[], _scopes text[]
) returns table (place integer, number bigint, total numeric, unread bigint, units text[]) language plpgsql
    set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
    since timestamptz;
    named integer;
    alone boolean;
begin
    if _keep then
        -- The log is written in order: the intent that is committed after this, and waited for, makes it durable too.
        perform set_config('synchronous_commit', 'off', true);
        for named, alone in  -- in one order, so that no two wait for each other
            select hashtext(scope || ' of ' || tool || ': ' || whose), bool_or(reads)
              from (select tool, scope, true as reads from unnest(_tools, _scopes) as read (tool, scope)
                    union all
                    select _tool, scope, false from unnest(array['person', 'agent', 'workspace']) as scope) as each,
                   lateral unnest(case scope
                       when 'workspace' then array['']
                       when 'agent' then array[_agent]
                       else case when _person <> '' or _email = '' then array['id ' || _person] else '{}' end
                            || case when _email <> '' then array['email ' || _email] else '{}' end
                   end) as whose
             group by 1 order by 1
        loop
            if alone then
                perform pg_advisory_xact_lock(hashtext('remit_sums'), named);
            else
                perform pg_advisory_xact_lock_shared(hashtext('remit_sums'), named);
            end if;
        end loop;
        insert into sums as s (run, call, tool, agent, person, email, at, amounts)
        values (_run, _call, _tool, _agent, _person, _email, clock_timestamp(), _amounts)
        on conflict (run, call) do update set tool = excluded.tool, agent = excluded.agent, person = excluded.person,
            email = excluded.email, at = excluded.at, amounts = excluded.amounts, settled = false, seen = 0;
        delete from sums where tool = _tool and settled and at < now() - interval '400 days';
    end if;
    for place in 1 .. coalesce(array_length(_tools, 1), 0) loop
        since := clock_timestamp() - make_interval(secs => _seconds[place]);
        select count(*), coalesce(sum((s.amounts -> _arguments[place] ->> 'n')::numeric), 0),
               count(*) filter (where (s.amounts -> _arguments[place] ->> 'n') is null),
               array_agg(distinct s.amounts -> _arguments[place] ->> 'unit')
                   filter (where (s.amounts -> _arguments[place] ->> 'unit') <> '')
          into number, total, unread, units
          from (
              select * from sums as s where _scopes[place] = 'person' and s.tool = _tools[place] and s.person = _person
                 and (_person <> '' or (_email = '' and s.email = '')) and (s.at > since or not s.settled)
              union
              select * from sums as s where _scopes[place] = 'person' and s.tool = _tools[place] and s.email = _email
                 and _email <> '' and (s.at > since or not s.settled)
              union all
              select * from sums as s where _scopes[place] = 'agent' and s.tool = _tools[place] and s.agent = _agent
                 and (s.at > since or not s.settled)
              union all
              select * from sums as s where _scopes[place] = 'workspace' and s.tool = _tools[place]
                 and (s.at > since or not s.settled)
          ) as s
         where (s.run, s.call) <> (_run, _call);
        return next;
    end loop;
end;
$$;
