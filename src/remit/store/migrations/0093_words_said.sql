-- Words of conversations, found by an index. Under the policy of the table no index of words is used, lest it tell of rows that are another's:
-- Remit looks as the owner and says the workspace, which stands in the index beside the words, as no
-- word is written (`remit/talks/search.py`).
create function remit_said(_workspace text, _subject text, _body text) returns tsvector
    language sql immutable strict parallel safe
    as $$ select to_tsvector('simple'::regconfig, _subject || ' ' || left(_body, 20000)) || array_to_tsvector(array[' ' || _workspace]) $$;

-- What people wrote, and what answered them; not what was sent to many
create index graph_interactions_said on graph_interactions using gin (remit_said(workspace, subject, body))
    where channel in ('chat', 'email', 'sms', 'whatsapp') and kind in ('message', 'reply')
        and (direction = 'in' or properties ->> 'purpose' = 'reply');

create index chat_messages_last on chat_messages (workspace, id);
