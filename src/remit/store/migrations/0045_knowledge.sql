-- What agents may look up. A document is its passages, one behind the other, and nothing else is kept of its text.

-- The words of a passage as they are looked for, those of its heading counting for more. Immutable, though the name of a
-- language is only looked up: these come with PostgreSQL.
create function remit_words(_language text, _heading text, _text text) returns tsvector
    language sql immutable strict parallel safe
    as $$ select setweight(to_tsvector(_language::regconfig, _heading), 'B') || to_tsvector(_language::regconfig, _text) $$;

create table knowledge_sources (
    id              bigint      generated always as identity primary key,
    workspace       text        not null default coalesce(remit_here(), 'default'),
    name            text        not null check (name ~ '^[a-z][a-z0-9_-]{0,39}$'),
    title           text        not null,
    about           text        not null default '',  -- what it holds, in words
    confidentiality text        not null default 'workspace' check (confidentiality in ('public', 'workspace', 'person', 'secret')),
    language        text        not null default 'english',
    by              text        not null,
    at              timestamptz not null default clock_timestamp(),
    vouched_by      text,                              -- who says that what stands in it is so; null: nobody
    vouched_at      timestamptz,
    unique (workspace, name),
    check ((vouched_by is null) = (vouched_at is null))
);
call remit_wall('knowledge_sources', 'select, insert, update, delete');

create table knowledge_documents (
    id         bigint      generated always as identity primary key,
    workspace  text        not null default coalesce(remit_here(), 'default'),
    source     bigint      not null references knowledge_sources on delete cascade,
    name       text        not null,                   -- within its source, as returns/late.md
    title      text        not null,
    kind       text        not null,                   -- media type
    sha256     bytea       not null,                   -- of the file
    size       bigint      not null,                   -- bytes of the file
    characters integer     not null,                   -- of its text
    folder     text        not null default '',        -- that it was synced from; empty: somebody added it
    by         text        not null,
    at         timestamptz not null default clock_timestamp(),
    unique (source, name)
);
call remit_wall('knowledge_documents', 'select, insert, update, delete');

create table knowledge_passages (
    document  bigint  not null references knowledge_documents on delete cascade,
    number    integer not null,
    workspace text    not null default coalesce(remit_here(), 'default'),
    source    bigint  not null,
    starts    integer not null,                        -- characters of the document before it
    heading   text    not null,                        -- those above it, from the document's title on
    text      text    not null,
    language  text    not null,
    -- With a word that no text has, by which those of a source are found together with those of a word
    words     tsvector generated always as
        (remit_words(language, heading, text) || array_to_tsvector(array['§' || source::text])) stored,
    primary key (document, number)
);
create index knowledge_words on knowledge_passages using gin (words);
call remit_wall('knowledge_passages', 'select, insert, update, delete');

-- Of the whole workspace, and nothing to whoever is there for some agents
call remit_wall_by_agent('knowledge_sources', 'false');
call remit_wall_by_agent('knowledge_documents', 'false');
call remit_wall_by_agent('knowledge_passages', 'false');
