-- Passages come by the thousand and are looked for at once: what waits to be put into the index is read by each search, whole.
alter index knowledge_words set (fastupdate = off);
select gin_clean_pending_list('knowledge_words');
