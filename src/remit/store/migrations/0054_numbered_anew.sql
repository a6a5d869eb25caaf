-- Where a folder has been numbered anew: what came into it before that time begins nothing. Null: its numbers say what is new.
alter table mailboxes add column anew timestamptz;
