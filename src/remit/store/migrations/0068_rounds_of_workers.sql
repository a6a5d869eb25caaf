-- Rounds that somebody has begun and workers go through: what a person runs at a terminal is theirs to end.
alter table decision_rounds add column by_workers boolean not null default false;
create index decision_rounds_of_workers on decision_rounds (begun_at) where done_at is null and by_workers;
