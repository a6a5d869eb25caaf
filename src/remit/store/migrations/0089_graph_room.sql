-- Room on each page for what is changed there: who is seen together again, or does the same again, is changed without touching an index. Pages
-- that are there already get it as they are written anew.
alter table graph_profiles set (fillfactor = 90);
alter table graph_links set (fillfactor = 90);
alter table graph_state set (fillfactor = 90);

-- Seconds as floating point from the start: `extract` says them as numeric, which took four times as long for the same to fifteen digits.
create or replace function remit_decay(_then timestamptz, _now timestamptz, _days double precision) returns double precision
    language sql immutable parallel safe
    as $$ select case when date_part('epoch', _now - _then) > 86400 * 200 * _days then 0
                      else power(2::float8, -date_part('epoch', _now - _then) / (86400 * _days)) end $$;
