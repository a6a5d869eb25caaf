-- What somebody may do with single agents, beside what they may do in the whole workspace. A guest may do nothing else there.
alter table members drop constraint members_role_check;
alter table members add constraint members_role_check
    check (role in ('owner', 'builder', 'operator', 'approver', 'viewer', 'guest'));
create table agent_roles (
    workspace text   not null default coalesce(remit_here(), 'default'),
    person    bigint not null,
    agent     text   not null,
    role      text   not null check (role in ('operator', 'approver', 'viewer')),
    primary key (workspace, person, agent),
    foreign key (workspace, person) references members (workspace, person) on delete cascade
);
alter table tokens add column agents text[];  -- of which alone it is; null: of all that its owner may

-- Of which agents alone the connection sees what there is; null: of all in its workspace.
create function remit_agents() returns text[] language sql stable parallel safe
    as $$ select nullif(current_setting('remit.agents', true), '')::text[] $$;

-- Puts a table behind the wall of agents, within that of the workspace: `_own` says when a row is of one of them. What is asked
-- for once a query is in a subquery. Rows that are about a run need none: who does not see the run sees nothing of it.
create procedure remit_wall_by_agent(_table text, _own text) language plpgsql as $$
begin
    execute format('create policy of_agents on %I as restrictive using ((select remit_agents()) is null or %s)', _table, _own);
end;
$$;

call remit_wall_by_agent('runs', 'agent = any ((select remit_agents())::text[])');
call remit_wall_by_agent('tombstones', 'agent = any ((select remit_agents())::text[])');
call remit_wall_by_agent('remembered', 'agent = any ((select remit_agents())::text[])');
call remit_wall_by_agent('threads', 'agent = any ((select remit_agents())::text[])');
call remit_wall_by_agent('agents', 'name = any ((select remit_agents())::text[])');
call remit_wall_by_agent('agent_versions', 'agent = any ((select remit_agents())::text[])');
call remit_wall_by_agent('budgets', 'agent = any ((select remit_agents())::text[])');
call remit_wall_by_agent('spending', 'agent = any ((select remit_agents())::text[])');
call remit_wall_by_agent('purses', 'agent = any ((select remit_agents())::text[])');
-- Of the whole workspace, and nothing to whoever is there for some agents
call remit_wall_by_agent('webhooks', 'false');
call remit_wall_by_agent('deliveries', 'false');
create policy of_agents on audit as restrictive for select using ((select remit_agents()) is null);
-- Workers believe what a run's first event says
create policy said_agent on events as restrictive for insert
    with check (type <> 'started' or (select remit_agents()) is null
                or remit_field(body, 'agent') = any ((select remit_agents())::text[]));

-- From now on a table that names an agent comes behind this wall with the one of its workspace.
create or replace procedure remit_wall(_table text, _rights text) language plpgsql as $$
declare
    own text := case when exists (select from pg_attribute where attrelid = _table::regclass and attname = 'workspace'
                                                             and not attisdropped)
        then 'workspace = remit_here()'
        -- not `exists`, which could be answered by reading all runs into memory first
        else format('(select runs.workspace from runs where runs.id = %I.run) = remit_here()', _table) end;
begin
    execute format('alter table %I enable row level security', _table);
    execute format('create policy own on %I using (%s) with check (%s)', _table, own, own);
    if _rights <> '' then
        execute format('grant %s on %I to remit_guest', _rights, _table);
    end if;
    if exists (select from pg_attribute where attrelid = _table::regclass and attname = 'agent' and not attisdropped) then
        call remit_wall_by_agent(_table, 'agent = any ((select remit_agents())::text[])');
    end if;
end;
$$;
do $$
declare
    made text;
begin
    foreach made in array array['triggers', 'firings', 'refusals'] loop  -- where a database has them already
        if exists (select from pg_attribute where attrelid = to_regclass(made) and attname = 'agent') then
            call remit_wall_by_agent(made, 'agent = any ((select remit_agents())::text[])');
        end if;
    end loop;
end;
$$;
