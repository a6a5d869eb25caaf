-- Members and people are asked for by Remit itself, which says for which workspace: guests have no right on them.
alter table members alter column workspace set default coalesce(remit_here(), 'default');
-- Where whoever is signed in works now; null: wherever they came first.
alter table sessions add column workspace text;
