-- Sums are those of a workspace: "of all runs" is of all of its own.
drop index sums_of_person;
drop index sums_of_email;
drop index sums_of_agent;
drop index sums_of_all;
create index sums_of_person on sums (workspace, tool, person, at);
create index sums_of_email on sums (workspace, tool, email, at) where email <> '';
create index sums_of_agent on sums (workspace, tool, agent, at);
create index sums_of_all on sums (workspace, tool, at);

-- As in 0008, of one workspace. That one stays for workers of the version before, for the length of a deploy.
create function remit_set_aside(
    _workspace text, _keep boolean, _run uuid, _call text, _tool text, _agent text, _person text, _email text, _amounts jsonb,
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
            select hashtext(_workspace || ' ' || scope || ' of ' || tool || ': ' || whose), bool_or(reads)
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
        insert into sums as s (workspace, run, call, tool, agent, person, email, at, amounts)
        values (_workspace, _run, _call, _tool, _agent, _person, _email, clock_timestamp(), _amounts)
        on conflict (run, call) do update set workspace = excluded.workspace, tool = excluded.tool, agent = excluded.agent, person = excluded.person,
            email = excluded.email, at = excluded.at, amounts = excluded.amounts, settled = false, seen = 0;
        delete from sums where workspace = _workspace and tool = _tool and settled and at < now() - interval '400 days';
    end if;
    for place in 1 .. coalesce(array_length(_tools, 1), 0) loop
        since := clock_timestamp() - make_interval(secs => _seconds[place]);
        select count(*), coalesce(sum((s.amounts -> _arguments[place] ->> 'n')::numeric), 0),
               count(*) filter (where (s.amounts -> _arguments[place] ->> 'n') is null),
               array_agg(distinct s.amounts -> _arguments[place] ->> 'unit')
                   filter (where (s.amounts -> _arguments[place] ->> 'unit') <> '')
          into number, total, unread, units
          from (
              select * from sums as s where _scopes[place] = 'person' and s.workspace = _workspace and s.tool = _tools[place] and s.person = _person
                 and (_person <> '' or (_email = '' and s.email = '')) and (s.at > since or not s.settled)
              union
              select * from sums as s where _scopes[place] = 'person' and s.workspace = _workspace and s.tool = _tools[place] and s.email = _email
                 and _email <> '' and (s.at > since or not s.settled)
              union all
              select * from sums as s where _scopes[place] = 'agent' and s.workspace = _workspace and s.tool = _tools[place] and s.agent = _agent
                 and (s.at > since or not s.settled)
              union all
              select * from sums as s where _scopes[place] = 'workspace' and s.workspace = _workspace and s.tool = _tools[place]
                 and (s.at > since or not s.settled)
          ) as s
         where (s.run, s.call) <> (_run, _call);
        return next;
    end loop;
end;
$$;
