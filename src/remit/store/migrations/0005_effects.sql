-- The ledger of effects is read from the journal: every effect was intended, so this finds the newest in any run.
create index events_intended on events (at desc, run) where type = 'intended';
