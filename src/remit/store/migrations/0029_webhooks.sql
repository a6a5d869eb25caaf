-- Who is told over HTTP of what happens in runs, and each telling: it is written in the transaction of what it tells of, by the
-- triggers below, sent after that, and again until it is received.
create table webhooks (
    id            uuid        primary key default gen_random_uuid(),
    workspace     text        not null default coalesce(remit_here(), 'default'),
    url           text        not null,
    events        text[]      not null,
    agents        text[]      not null default '{}',  -- empty: of all
    secret        bytea       not null,               -- sealed, bound to the id
    before        bytea,                              -- the one before, with which is signed too
    before_until  timestamptz,
    by            text        not null,
    created_at    timestamptz not null default clock_timestamp(),
    failing_since timestamptz,                        -- null: the last telling was received
    disabled_at   timestamptz,
    disabled_why  text        not null default '',
    unique (workspace, id)
);
create index webhooks_of on webhooks (workspace, created_at);
call remit_wall('webhooks', 'select, insert, update, delete');

create table deliveries (
    id        uuid        primary key default gen_random_uuid(),
    workspace text        not null default coalesce(remit_here(), 'default'),
    webhook   uuid        not null,
    type      text        not null,  -- run.finished, …
    run       uuid,                  -- null: only to try it
    agent     text        not null default '',
    name      text        not null default '',  -- which of its kind in that run
    detail    jsonb       not null default '{}',
    at        timestamptz not null default clock_timestamp(),
    state     text        not null default 'due',  -- due | done | dead
    attempts  integer     not null default 0,
    due_at    timestamptz not null default clock_timestamp(),  -- while somebody sends it: when they count as dead
    tried_at  timestamptz,
    status    integer,               -- of the last answer
    said      text        not null default '',  -- its beginning, or why there was none
    unique (webhook, run, type, name),
    foreign key (workspace, webhook) references webhooks (workspace, id) on delete cascade
);
create index deliveries_due on deliveries (due_at) where state = 'due';
create index deliveries_of on deliveries (webhook, at desc, id desc);
create index deliveries_old on deliveries (at) where state <> 'due';
call remit_wall('deliveries', 'select, insert, update, delete');

-- A run that rests or has ended. In whose hands ever the run is moved, whoever wants to hear of it is told: as the owner.
create function remit_run_moved() returns trigger language plpgsql security definer set search_path from current as $$
begin
    insert into deliveries (workspace, webhook, run, agent, type, name, detail, at)
    select hook.workspace, hook.id, new.id, new.agent, found.type, found.name, found.detail, new.updated_at
    from webhooks as hook, lateral (
        select case when new.status in ('waiting', 'paused') then 'run.' || new.status else 'run.finished' end,
               case when new.status in ('waiting', 'paused') then new.seq::text else '' end,
               jsonb_strip_nulls(jsonb_build_object('status', new.status, 'parent', new.parent))
        union all
        select 'effect.failed', remit_field(body, 'call_id'),
               jsonb_build_object('call', remit_field(body, 'call_id'), 'outcome', remit_field(body, 'status'))
        from events
        where 'effect.failed' = any (hook.events) and events.run = new.id and events.type = 'acted'
          and remit_field(body, 'status') in ('failed', 'unknown') and remit_field(body, 'effect') in ('egress', 'destroy')
    ) as found (type, name, detail)
    where hook.workspace = new.workspace and hook.disabled_at is null
      and (hook.agents = '{}' or new.agent = any (hook.agents)) and found.type = any (hook.events)
    on conflict do nothing;
    return null;
end $$;
create trigger tell_of_run after insert on runs for each row
    when (new.status <> 'running') execute function remit_run_moved();
create trigger tell_of_move after update of status on runs for each row
    when (new.status is distinct from old.status and new.status <> 'running') execute function remit_run_moved();

create function remit_asked() returns trigger language plpgsql security definer set search_path from current as $$
begin
    insert into deliveries (workspace, webhook, run, agent, type, name, detail, at)
    select hook.workspace, hook.id, new.run, runs.agent, found.type, new.ask_id,
           jsonb_strip_nulls(jsonb_build_object('ask', new.ask_id, 'kind', new.kind, 'expires', new.expires)), new.at
    from webhooks as hook join runs on runs.id = new.run and runs.workspace = hook.workspace,
         lateral (select case when new.kind = 'approval' then 'approval.asked' else 'question.asked' end) as found (type)
    where hook.disabled_at is null and (hook.agents = '{}' or runs.agent = any (hook.agents))
      and found.type = any (hook.events)
    on conflict do nothing;
    return null;
end $$;
create trigger tell_of_ask after insert on asks for each row execute function remit_asked();
