-- Runs found by what people look for, newest first, among millions. Each index ends with the order of the page.
create index runs_of_agent on runs (workspace, agent, created_at desc, id desc);
-- Of the open ones there is an index already, and most others are met: these are found going back from the newest.
create index runs_in_state on runs (workspace, status, created_at desc, id desc)
    where status not in ('running', 'waiting', 'paused', 'met');
create index runs_of_person on runs (workspace, lower(person), created_at desc, id desc) where person <> '';
create index runs_children on runs (parent) where parent is not null;

-- Words within goals. Of ended runs only, so that a run is entered once and not at each change of its state; those that are
-- open are few, and at once into its place, which takes a quarter of the room. A server without the extension finds the same, slower.
do $$
begin
    create extension if not exists pg_trgm;
    create index runs_words on runs using gin (goal gin_trgm_ops) with (fastupdate = off)
        where status not in ('running', 'waiting', 'paused');
exception
    when insufficient_privilege or undefined_file or feature_not_supported then
        raise notice 'without pg_trgm words in goals are looked for run by run: %', sqlerrm;
end
$$;
