-- A key whose run could not be begun. The same request with it takes up the same run again, so that of two that come at once,
-- one of which was turned away, no second run is begun; another request may have the key for a run of its own.
alter table begun add column released boolean not null default false;
