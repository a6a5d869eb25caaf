-- A run that has ended is written down for the triggers that wait for it, in the transaction in which it ends: as the owner, in whose
-- hands ever it does. Runs that are parts of others begin nothing.
create index triggers_after on triggers (workspace, (spec->>'after')) where kind = 'after' and gone_at is null;

create function remit_run_ended() returns trigger language plpgsql security definer set search_path from current as $$
begin
    insert into firings (workspace, agent, trigger, key, event, run)
    select t.workspace, t.agent, t.name, 'run ' || new.id,
           convert_to(json_build_object('run', new.id, 'agent', new.agent, 'status', new.status)::text, 'utf8'),
           gen_random_uuid()
    from triggers t
    where t.kind = 'after' and t.gone_at is null and t.workspace = new.workspace and t.spec->>'after' = new.agent
      and t.paused_at is null and (not t.spec ? 'ended' or t.spec->'ended' ? new.status)
    on conflict do nothing;
    return null;
end $$;
create trigger follow_run after insert on runs for each row
    when (new.parent is null and new.status not in ('running', 'waiting', 'paused')) execute function remit_run_ended();
create trigger follow_end after update of status on runs for each row
    when (new.parent is null and new.status is distinct from old.status
          and new.status not in ('running', 'waiting', 'paused')) execute function remit_run_ended();
