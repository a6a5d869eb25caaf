-- Takeovers of conversations may have a rule of retention too. `remit/keeping/` follows it.
alter table keeping drop constraint keeping_what_check;
alter table keeping add constraint keeping_what_check check (
    what in ('interactions', 'words', 'people', 'decisions', 'contacts', 'chats', 'takeovers', 'aside', 'examples'));
