-- How fast a mailbox, a number or a Slack may send, over all workers: several rates at once, and a rest when its provider takes no more.

alter table rates add column rests_until timestamptz, add column why text not null default '';

-- As remit_take_turn (which workers of before still call), for several rates together: a turn of all of them, or of none. Who comes too early has one
-- set aside at the latest of their times. Says in how many seconds that is, which rate is the slowest, and why it rests, if it does.
create function remit_take_turns(
    _names text[], _run uuid, _call text, _every double precision[], _burst integer[], _late double precision[],
    out pause double precision, out slowest text, out why text
) language plpgsql as $$
declare
    mine timestamptz;
    one  record;
begin
    pause := 0;
    slowest := '';
    select s.due, s.name into mine, slowest from slots as s
     where s.name = any(_names) and s.run = _run and s.call = _call and s.worker is null order by s.due desc limit 1;
    if mine > clock_timestamp() then  -- asked too early
        pause := extract(epoch from mine - clock_timestamp());
    elsif mine is not null then
        delete from slots as s where s.name = any(_names) and s.run = _run and s.call = _call and s.worker is null;
        if mine > clock_timestamp() - make_interval(secs => (select min(late) from unnest(_late) as late)) then
            return;
        end if;
    end if;
    if pause = 0 then
        -- in one order, so that no two wait for each other
        for one in select * from unnest(_names, _every, _burst) as t (name, every, burst) order by name loop
            insert into rates as r (name, due) values (one.name, clock_timestamp() + make_interval(secs => one.every))
            on conflict (name) do update set due = greatest(r.due, clock_timestamp()) + make_interval(secs => one.every)
            returning r.due into mine;
            if extract(epoch from mine - clock_timestamp()) - one.every * one.burst > pause then
                pause := extract(epoch from mine - clock_timestamp()) - one.every * one.burst;
                slowest := one.name;
            end if;
        end loop;
        insert into slots (name, run, call, most, due)
        select name, _run, _call, 0, clock_timestamp() + make_interval(secs => pause) from unnest(_names) as t (name) where pause > 0;
    end if;
    select r.why into why from rates as r where r.name = slowest and r.rests_until > clock_timestamp();
end;
$$;

-- Nobody has a turn at these rates for so many seconds. Who waits does so that much longer, in the same order, behind the call that was told.
create function remit_rest(
    _names text[], _run uuid, _call text, _every double precision[], _burst integer[], _seconds double precision, _why text
) returns void language plpgsql as $$
declare
    was  timestamptz;
    more interval;
    one  record;
begin
    for one in select * from unnest(_names, _every, _burst) as t (name, every, burst) order by name loop
        insert into rates (name, due) values (one.name, clock_timestamp()) on conflict do nothing;
        select rests_until into was from rates where name = one.name for update;
        more := greatest(clock_timestamp() + make_interval(secs => _seconds) - greatest(clock_timestamp(), was), interval '0');
        update rates set why = _why, rests_until = greatest(clock_timestamp(), was) + more,
               due = greatest(due, clock_timestamp() + make_interval(secs => one.every * (one.burst - 1))) + more
         where name = one.name;
        update slots set due = greatest(due, clock_timestamp()) + more where name = one.name and worker is null;
        insert into slots (name, run, call, most, due)
        values (one.name, _run, _call, 0, clock_timestamp() + make_interval(secs => _seconds)) on conflict do nothing;
    end loop;
end;
$$;
