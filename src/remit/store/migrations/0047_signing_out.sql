-- Whose provider a session came by: it ends where that provider's word for the person ends.
alter table sessions add column provided_by text;  -- the workspace of the provider; null: it came by none
-- What the provider said at the sign-in, sealed, for it alone: by that it knows who signs out there. None of a session that has ended.
alter table sessions add column id_token bytea;
-- A workspace's provider speaks for whom it is the home of, and the server's for everybody
update sessions set provided_by = case when how = 'oidc server' then 'default'
                                       else (select home from people where lower(name) = lower(who)) end
where how like 'oidc %';
