-- What people changed: who, when, what, and how it was before. A row is never changed and never removed.
create table audit (
    id        bigint      generated always as identity primary key,
    at        timestamptz not null default clock_timestamp(),
    workspace text        not null default 'default',
    who       text        not null,
    what      text        not null,  -- a verb and its object: agent.published, token.added, role.changed
    about     text        not null,  -- which one: a name or an id
    detail    jsonb       not null default '{}'  -- no secret, ever
);
create index audit_recent on audit (workspace, id desc);
create index audit_about on audit (workspace, about, id desc);
create index audit_who on audit (workspace, lower(who), id desc);
create function keep_audit() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is only ever added to';
end $$;
create trigger audit_is_kept before update or delete or truncate on audit for each statement execute function keep_audit();
