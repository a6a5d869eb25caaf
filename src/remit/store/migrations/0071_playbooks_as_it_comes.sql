-- Playbooks that decide for people as things come from them: the last interaction that was looked at for it.
alter table playbooks add column looked bigint not null default 0;
update playbooks set looked = heard;
