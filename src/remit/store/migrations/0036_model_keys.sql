-- Keys of model providers, of a workspace: used where the environment has none. A table of their own, since what stands in
-- `secrets` any agent can be given by its name.
create table model_keys (
    workspace text        not null default coalesce(remit_here(), 'default'),
    provider  text        not null,
    sealed    bytea       not null,
    by        text        not null,
    set_at    timestamptz not null default clock_timestamp(),
    primary key (workspace, provider)
);
call remit_wall('model_keys', 'select, insert, update, delete');
