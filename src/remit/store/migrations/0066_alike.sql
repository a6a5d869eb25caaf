-- Who was found to be alike, by what is said of them (`remit graph match`): a link with its likelihood, and what speaks for and against it.
alter table graph_links drop constraint graph_links_how_check;
alter table graph_links add constraint graph_links_how_check check (how in ('verified', 'alike', 'seen', 'same', 'apart'));
alter table graph_links add column reasons jsonb;  -- of those that are alike: [words, bits], what says most first
