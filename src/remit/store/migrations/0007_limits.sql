-- Who comes when: turns between agents, limits held over all workers, and how many runs are open.

-- The priority class that a run was queued with, for whenever it is woken: -10 to 10, higher first.
alter table runs add column priority smallint not null default 0;
-- Open runs by agent: counted for back-pressure, and taken in turn by who looks for runs that nobody advances.
create index runs_open_by_agent on runs (workspace, agent, status, updated_at)
    where status in ('running', 'waiting', 'paused');

-- Turns. A job's lane is its queue: `remit:workspace/agent`. Within a class, the engine's priority is the job's place: the
-- class's first priority less its tag, so that lanes take turns (start-time fair queueing; remit/order.py says how).
create index remit_jobs_of_lane on procrastinate_jobs (queue_name, priority) where status = 'todo';
create index remit_jobs_begun on procrastinate_jobs (priority) where status = 'doing';

-- Queues runs, each at its place; those that wait already keep theirs, or get a better one. `_classes`: null is the run's
-- own. Returns the furthest tag. A function, so that what is read after the lanes are locked is read anew; `_alone` says
-- whether to lock them, which somebody who has more to do in the transaction must not.
create function remit_enqueue(_runs uuid[], _classes integer[], _attempts integer[], _span integer, _alone boolean)
    returns integer language plpgsql
    set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
    furthest integer;
begin
    perform pg_advisory_xact_lock_shared(hashtext('remit_nearer'));
    if _alone then  -- in one order, so that no two wait for each other
        perform pg_advisory_xact_lock(hashtext('remit_lane'), number) from (
            select distinct hashtext(remit_lane(run)) as number from unnest(_runs) as run order by 1
        ) as lanes;
    end if;
    with wanted as (
        select w.run, w.attempt, w.place, remit_lane(w.run) as lane,
               coalesce(w.class, (select runs.priority from runs where runs.id = w.run), 0) as class,
               (not exists (select from procrastinate_jobs as job
                            where job.queueing_lock = 'run:' || w.run and job.status = 'todo'))::int as fresh
          from unnest(_runs, _classes, _attempts) with ordinality as w (run, class, attempt, place)
    ), lanes as (
        select lane, class, greatest(remit_tag_now(class, _span), 1 + class * _span - (
                   select min(job.priority) from procrastinate_jobs as job
                    where job.status = 'todo' and job.queue_name = lane
                      and job.priority between (class - 1) * _span + 1 and class * _span)) as tag
          from (select distinct lane, class from wanted) as each
    ), put as (
        insert into procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)
        select lane, 'advance', class * _span - least(_span - 1, tag - fresh +
                   sum(fresh) over (partition by lane, class order by place)), 'run:' || run, 'run:' || run,
               jsonb_build_object('run', run) || case when attempt > 0 then jsonb_build_object('attempt', attempt) else '{}' end
          from wanted join lanes using (lane, class) order by place
        -- an update even where nothing changes: it locks the waiting job until our transaction ends, so that nobody
        -- begins it before what we wrote can be read
        on conflict (queueing_lock) where status = 'todo'
        do update set priority = greatest(procrastinate_jobs.priority, excluded.priority)
        returning priority
    )
    select max(tag) into furthest from lanes;
    update runs set priority = w.class from unnest(_runs, _classes) as w (run, class)
     where runs.id = w.run and w.class <> 0 and runs.priority <> w.class;
    return furthest;
end;
$$;

create function remit_lane(_run uuid) returns text language sql stable as $$
    select coalesce((select 'remit:' || left(workspace || '/' || agent, 120) from runs where id = _run), 'remit')
$$;

-- How far a class has come: the furthest tag begun of what is under way, else the first that waits.
create function remit_tag_now(_class integer, _span integer) returns integer language sql stable
    set enable_seqscan = off set enable_bitmapscan = off
as $$
    select _class * _span - coalesce(
        (select min(priority) from procrastinate_jobs
          where status = 'doing' and priority between (_class - 1) * _span + 1 and _class * _span and task_name = 'advance'),
        (select priority from procrastinate_jobs
          where status = 'todo' and priority between (_class - 1) * _span + 1 and _class * _span and task_name = 'advance'
          order by priority desc, id limit 1),
        _class * _span)
$$;

-- Brings the tags of a class that has never been idle for very long back to 0; nobody queues meanwhile. Returns by how much.
create function remit_nearer(_class integer, _span integer) returns integer language plpgsql as $$
declare
    far integer;
begin
    if not pg_try_advisory_xact_lock(hashtext('remit_nearer')) then
        return 0;
    end if;
    select _class * _span - max(priority) into far from procrastinate_jobs
     where status in ('todo', 'doing') and task_name = 'advance'
       and priority between (_class - 1) * _span + 1 and _class * _span;
    if far > _span / 4 then
        update procrastinate_jobs set priority = priority + far
         where status in ('todo', 'doing') and task_name = 'advance'
           and priority between (_class - 1) * _span + 1 and _class * _span;
        return far;
    end if;
    return 0;
end;
$$;

-- As in 0002, and told to workers of every agent too.
create or replace function remit_announce_unlocked() returns trigger language plpgsql as $$
declare
    next_job record;
    told text;
begin
    select id, queue_name into next_job from procrastinate_jobs
        where lock = old.lock and status = 'todo' order by priority desc, id limit 1;
    if found then
        told := json_build_object('type', 'job_inserted', 'job_id', next_job.id)::text;
        perform pg_notify('procrastinate_queue_v1#' || next_job.queue_name, told);
        perform pg_notify('procrastinate_any_queue_v1', told);
    end if;
    return null;
end;
$$;

-- Rates: when the next turn of a limit is due, if turns are evenly spaced (the generic cell rate algorithm).
create table rates (
    name text primary key,
    due  timestamptz not null
);
alter table rates set (fillfactor = 50);

-- Limits: who is at it, and who waits for its turn. `agent:default/support` for runs, `tool:send_email` for calls.
create table slots (
    name   text    not null,
    run    uuid    not null,
    call   text    not null default '',  -- '' is the run itself
    worker uuid,                         -- whose; null: it waits. Counts while this worker lives and has the run's lease
    most   integer not null,             -- the limit as it was then; 0: it waits for a rate
    ticket bigint  not null generated always as identity,
    since  timestamptz not null default clock_timestamp(),
    due    timestamptz not null,         -- when what waits asks again
    primary key (name, run, call)
);
create index slots_of_run on slots (run);
create index slots_in_line on slots (name, ticket) where worker is null;
alter table slots set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Takes a slot if one is free and nobody's turn is before: returns 0. Else stands in line, and returns in how many
-- seconds to ask again. `_strict`: in exact order, as whoever leaves calls the next. Without it what waits asks by itself,
-- so that the order is by age only for whoever waits for 30 s or asks right now. `_urgent`: in any case.
create function remit_take_slot(
    _name text, _run uuid, _call text, _worker uuid, _most integer, _strict boolean, _urgent boolean
) returns double precision language plpgsql as $$
declare
    moment timestamptz;
    busy   integer;
    mine   bigint;
    ahead  integer;
    line   integer;
    pause  double precision := 0;
begin
    perform pg_advisory_xact_lock(hashtext('remit_slot'), hashtext(_name));
    moment := clock_timestamp();
    if exists (select from slots where name = _name and run = _run and call = _call and worker = _worker) then
        return 0;
    end if;
    delete from slots as s
     where s.name = _name and (s.run, s.call) <> (_run, _call) and (
           (s.worker is not null and not exists (select from leases join workers on workers.id = leases.worker
                                                 where leases.run = s.run and leases.worker = s.worker))
           or (s.worker is null and s.due < moment - interval '1 hour'));  -- it never asked again
    select ticket into mine from slots where name = _name and run = _run and call = _call;
    select count(*) filter (where worker is not null),
           count(*) filter (where worker is null and (mine is null or ticket < mine) and (_strict or (
               due > moment - interval '10 s' and (due <= moment or since < moment - interval '30 s')))),
           count(*) filter (where worker is null and (mine is null or ticket < mine))
      into busy, ahead, line
      from slots where name = _name and (run, call) <> (_run, _call);
    if not _urgent and busy + ahead >= _most then
        pause := least(case when _strict then 600 else 60 end, 1 + 1.0 * line / _most) * (0.75 + 0.5 * random());
    end if;
    insert into slots (name, run, call, worker, most, due)
    values (_name, _run, _call, case when pause = 0 then _worker end, _most, moment + make_interval(secs => pause))
    on conflict (name, run, call) do update set worker = excluded.worker, most = excluded.most, due = excluded.due;
    return pause;
end;
$$;

-- Takes a turn at a rate of one each `_every` seconds, `_burst` of them at once: returns 0, or in how many seconds the turn
-- is that was set aside. Who comes at that time has it; who comes more than `_late` seconds after has lost it.
create function remit_take_turn(
    _name text, _run uuid, _call text, _every double precision, _burst integer, _late double precision
) returns double precision language plpgsql as $$
declare
    moment timestamptz;
    mine   timestamptz;
    wait   double precision;
begin
    delete from slots where name = _name and run = _run and call = _call and due <= clock_timestamp() returning due into mine;
    if mine > clock_timestamp() - make_interval(secs => _late) then
        return 0;
    end if;
    select due into mine from slots where name = _name and run = _run and call = _call;
    if mine is not null then  -- asked too early
        return extract(epoch from mine - clock_timestamp());
    end if;
    insert into rates as r (name, due) values (_name, clock_timestamp() + make_interval(secs => _every))
    on conflict (name) do update set due = greatest(r.due, clock_timestamp()) + make_interval(secs => _every)
    returning due into mine;
    moment := clock_timestamp();
    wait := extract(epoch from mine - moment) - _every * _burst;
    if wait <= 0 then
        return 0;
    end if;
    insert into slots (name, run, call, most, due) values (_name, _run, _call, 0, moment + make_interval(secs => wait));
    return wait;
end;
$$;
