-- Not strict, so that it is put into the queries that use it instead of being called for each row: twice as many events a second.
create or replace function remit_decay(_then timestamptz, _now timestamptz, _days double precision) returns double precision
    language sql immutable parallel safe
    as $$ select case when extract(epoch from _now - _then) > 86400 * 200 * _days then 0
                      else power(2::float8, (-extract(epoch from _now - _then) / (86400 * _days))::float8) end $$;
