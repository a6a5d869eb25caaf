-- Agents are their workspace's own: guests of the database see and change no others, and no version is ever changed.
alter table agents alter column workspace set default coalesce(remit_here(), 'default');
alter table agent_versions alter column workspace set default coalesce(remit_here(), 'default');
call remit_wall('agents', 'select, insert, update');
call remit_wall('agent_versions', 'select, insert');
