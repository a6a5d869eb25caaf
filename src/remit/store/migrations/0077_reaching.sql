-- What the rules of contact look at of people, in one answer: the send gate asks before each mail, and each question of its own was a
-- round trip. `remit/decisions/standing.py` reads it, `remit/decisions/contacts.py` has people held while it judges.

-- Of `persons`: their identifiers, what was said of reaching them until `upto`, the contacts that count since `since`, who is to be left alone.
create function remit_standing(here text, persons bigint[], upto timestamptz, since timestamptz) returns json
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
            )
        )
    );
end $$;

-- Of identifiers (an array of kind and value): whose they are, how these people stand, and the rules where they are not those of `digest` any more.
-- `hold`: nobody else reaches these people until the transaction ends. Who turns out to be another person meanwhile, is held as that one too:
-- each statement sees what was committed until then.
create function remit_reaching(here text, whom json, upto timestamptz, digest text, hold boolean) returns json
language plpgsql volatile as $$
declare
    persons bigint[] := '{}';
    new     bigint[];
    rules   jsonb;
    now_is  text;
    days    float8;
begin
    loop
        select array_agg(distinct p.person order by p.person) into new
        from json_array_elements(whom) as of (who)
        cross join lateral (
            select person from graph_profiles
            where workspace = here and kind = of.who ->> 0 and value = (of.who ->> 1) collate "C" offset 0
        ) as p where p.person <> all (persons);
        exit when new is null;
        if hold then
            perform pg_advisory_xact_lock(hashtextextended('contact ' || of.person, 0)) from unnest(new) as of (person);
        end if;
        persons := persons || new;
        exit when not hold;
    end loop;
    select r.rules, md5(r.rules::text) into rules, now_is from contact_rules r where r.workspace = here order by version desc limit 1;
    select max((cap ->> 'days')::float8) into days from jsonb_array_elements(rules -> 'caps') as cap;
    return json_build_object(
        'whom', (
            select coalesce(json_agg(json_build_array(of.who ->> 0, of.who ->> 1, p.id, p.person)), '[]')
            from json_array_elements(whom) as of (who)
            cross join lateral (
                select id, person from graph_profiles
                where workspace = here and kind = of.who ->> 0 and value = (of.who ->> 1) collate "C" offset 0
            ) as p
        ),
        'standing', remit_standing(here, persons, upto, coalesce(upto - make_interval(secs => days * 86400 + 1), 'infinity')),
        'digest', coalesce(now_is, ''),
        'rules', case when now_is <> digest then rules end
    );
end $$;
