-- Workspaces, kept apart by the database. Whatever people and programs do is done as the role remit_guest, which sees and
-- writes the rows of one workspace: the one that its connection says, by remit.workspace. One that says none sees none.
-- The owner of the tables, as which workers advance the runs of all workspaces, is not under these policies.
create table workspaces (
    name       text        primary key check (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    title      text        not null,
    created_at timestamptz not null default clock_timestamp()
);
insert into workspaces (name, title) values ('default', 'Default');

do $$
declare
    may text := case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end;
begin
    if not exists (select from pg_roles where rolname = 'remit_guest') then
        begin
            create role remit_guest nologin;
        exception when duplicate_object or unique_violation then  -- another database of this server, just now
        end;
    end if;
    if not pg_has_role(current_user, 'remit_guest', may) then
        execute format('grant remit_guest to %I', current_user);
    end if;
exception when insufficient_privilege then
    raise exception 'Remit keeps workspaces apart by a role that % may not make. Have somebody who may do it: CREATE ROLE remit_guest NOLOGIN; GRANT remit_guest TO %; and start again',
        quote_ident(current_user), quote_ident(current_user) using errcode = 'insufficient_privilege';
end
$$;

-- In whose hands the connection is; null: the owner's, or nobody's.
create function remit_here() returns text language sql stable parallel safe
    as $$ select nullif(current_setting('remit.workspace', true), '') $$;

-- Puts a table behind the wall: its rows are those of the workspace that they name, or of the run that they are about.
-- `_rights`: what guests may do with their own; empty: nothing. A migration calls it for each table that it makes, unless
-- guests have no business with it: then it grants them nothing.
create procedure remit_wall(_table text, _rights text) language plpgsql as $$
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
    if _table = 'events' then  -- workers believe what a run's first event says
        create policy said on events as restrictive for insert
            with check (type <> 'started' or coalesce(remit_field(body, 'workspace'), 'default') = remit_here());
    end if;
end;
$$;

do $$
begin
    execute format('grant usage on schema %I to remit_guest', current_schema());
end
$$;

-- Whose it is, where no run says it. What a guest writes is its workspace's.
alter table runs alter column workspace set default coalesce(remit_here(), 'default');
alter table audit alter column workspace set default coalesce(remit_here(), 'default');
alter table remembered add column workspace text not null default 'default';
alter table remembered alter column workspace set default coalesce(remit_here(), 'default');
alter table away add column workspace text not null default 'default';
alter table away alter column workspace set default coalesce(remit_here(), 'default');
alter table tokens add column workspace text not null default 'default';
alter table tokens alter column workspace set default coalesce(remit_here(), 'default');
alter table begun add column workspace text not null default 'default';
alter table begun alter column workspace set default coalesce(remit_here(), 'default');
alter table secrets add column workspace text not null default 'default';
alter table secrets alter column workspace set default coalesce(remit_here(), 'default');
alter table sums add column workspace text not null default 'default';
alter table tombstones add column workspace text not null default 'default';
-- Big values are kept once in each workspace: by its hash alone nobody has another's.
alter table blobs add column workspace text not null default 'default';
alter table blobs alter column workspace set default coalesce(remit_here(), 'default');

drop index remembered_of;
create index remembered_of on remembered (workspace, agent, tool) where revoked_at is null;
drop index tokens_named;
create unique index tokens_named on tokens (workspace, name) where revoked_at is null;
alter table secrets drop constraint secrets_pkey;
alter table secrets add primary key (workspace, name);
alter table blobs drop constraint blobs_pkey;
alter table blobs add primary key (sha256, workspace);

call remit_wall('runs', 'select, insert, update');
call remit_wall('events', 'select, insert');
call remit_wall('blobs', 'select, insert');
call remit_wall('asks', 'select, insert, delete');
call remit_wall('remit_timers', 'select, insert, delete');
call remit_wall('slots', 'select');
call remit_wall('archives', 'select');
call remit_wall('tombstones', 'select');
call remit_wall('remembered', 'select, insert, update');
call remit_wall('away', 'select, insert, update');
call remit_wall('secrets', 'select, insert, update, delete');
call remit_wall('tokens', 'select, insert, update');
call remit_wall('begun', 'select, insert, update, delete');
call remit_wall('audit', 'select, insert');
call remit_wall('sums', '');
alter table workspaces enable row level security;
create policy own on workspaces using (name = remit_here());
grant select on workspaces to remit_guest;

-- A guest's value is noted for a sweep that is on, in tables that guests have no business with.
alter function remit_blob_used() security definer;
alter function remit_blob_used() set search_path from current;
