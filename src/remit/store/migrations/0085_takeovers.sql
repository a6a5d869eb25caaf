-- A person talks with somebody in the agent's place: from when, and until when unless they hand it back. `remit/talks/` keeps it.
create table takeovers (
    id        bigint      generated always as identity primary key,
    workspace text        not null default coalesce(remit_here(), 'default'),
    talk      text        not null,                          -- `chat:` and the chat, or `run:` and the run that was begun by what they wrote
    agent     text        not null,
    run       uuid,                                          -- that waits meanwhile; null: none was at it
    channel   text        not null,
    profile   bigint      not null,                          -- whom nothing else reaches on that channel
    by        text        not null,
    at        timestamptz not null default clock_timestamp(),
    until     timestamptz not null,                          -- when it ends by itself
    ended_at  timestamptz,
    ended_by  text        not null default '',               -- empty: it has ended by itself
    note      text        not null default '',               -- to the agent
    told_at   timestamptz                                    -- when the agent was told, and goes on
);
create unique index takeovers_one on takeovers (workspace, channel, profile) where ended_at is null;
create index takeovers_untold on takeovers (until) where told_at is null;
create index takeovers_talk on takeovers (workspace, talk, id);
create index takeovers_profile on takeovers (profile);
call remit_wall('takeovers', 'select, insert, update, delete');

-- What they write: each goes out by a run of its own, under an id that follows from it.
create table takeover_words (
    run       uuid        primary key,
    workspace text        not null default coalesce(remit_here(), 'default'),
    takeover  bigint      not null references takeovers on delete cascade,
    at        timestamptz not null default clock_timestamp(),
    text      text        not null,
    begun_at  timestamptz                                    -- null: its run is yet to begin
);
create index takeover_words_of on takeover_words (takeover, at);
create index takeover_words_unbegun on takeover_words (at) where begun_at is null;
call remit_wall('takeover_words', 'select, insert, update, delete');
call remit_wall_by_agent('takeover_words', 'false');

alter table chat_messages drop constraint chat_messages_side_check;
alter table chat_messages add constraint chat_messages_side_check check (side in ('visitor', 'agent', 'colleague'));
alter table chat_messages add column by text not null default '';  -- which colleague

-- As 0077 has it, and with who is talking with them now: of `taken` each with the runs by which that colleague's own words go out.
create or replace function remit_standing(here text, persons bigint[], upto timestamptz, since timestamptz) returns json
language plpgsql stable as $$
begin
    return (
        with theirs as materialized (
            select who.person, p.id, p.about -> 'timezone' as zone, p.about -> 'country' as country
            from unnest(persons) as who (person)
            cross join lateral (select id, about, workspace from graph_profiles where person = who.person offset 0) as p
            where p.workspace = here
        )
        select json_build_object(
            'profiles', (select coalesce(json_agg(json_build_array(person, id, zone, country)), '[]') from theirs),
            'words', (
                select coalesce(json_agg(json_build_array(i.profile, i.at, i.kind, i.channel, i.properties, i.source)), '[]') from theirs
                cross join lateral (
                    select * from graph_interactions where profile = theirs.id and at <= upto
                        and kind in ('consent_given', 'consent_withdrawn', 'unsubscribed', 'complained', 'bounced') offset 0
                ) as i
            ),
            'contacts', (
                select coalesce(json_agg(json_build_array(c.profile, c.at, c.action, c.channel, c.purpose, c.by, c.run, c.call)), '[]')
                from theirs cross join lateral (
                    select * from contacts where profile = theirs.id and at > since and state in ('reserved', 'sent') offset 0
                ) as c
            ),
            'suppressed', (
                select coalesce(json_agg(json_build_array(s.profile, s.because, s.channel, s.until)), '[]') from theirs
                cross join lateral (
                    select * from suppressions where profile = theirs.id and lifted_at is null
                        and coalesce(until, 'infinity') > upto offset 0
                ) as s
            ),
            'taken', (
                select coalesce(json_agg(json_build_array(t.profile, t.by, t.channel, t.until,
                    (select coalesce(json_agg(w.run), '[]') from takeover_words w where w.takeover = t.id))), '[]')
                from takeovers t where t.workspace = here and t.ended_at is null and t.until > upto and t.profile in (select id from theirs)
            )
        )
    );
end $$;
