-- People's words, newest first: how they decide is read without reading all events.
create index events_words on events (at desc) where type in ('replied', 'endorsed');
