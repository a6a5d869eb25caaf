-- What a run came to, by which it is found: written with the event that ends it or lets it wait for a person, and derivable
-- from its journal. Null: it did neither yet, or ended under an older version. What is zero or none is null too.
alter table runs
    add column cost     numeric,   -- US dollars
    add column seconds  real,      -- of work
    add column waited   real,      -- seconds that people took to answer what it asked, all together
    add column answered smallint,  -- how often they did
    add column marks    text;      -- a line each: what happened in it, `@` and the name of each tool used, `$` and the size of its cost
-- Of ended runs only, entered once and at once into its place, as the words of goals are. A text has less room than an array.
create index runs_marks on runs using gin (string_to_array(marks, e'\n')) with (fastupdate = off) where status not in ('running', 'waiting', 'paused');
-- So that the planner knows which marks are rare; it does not look at what is known of an index of some rows only.
create statistics runs_by_marks on (string_to_array(marks, e'\n')) from runs;
