-- Purpose: the searchable words of a text in English, Russian and Chinese or Japanese, as the
-- tables keep them. The configuration russian stems ASCII words as English and all others as
-- Russian. The parser keeps a run of Han or kana as one token, so such runs are split into pairs of
-- neighbouring characters first; a query has to go through split_han as well.
CREATE OR REPLACE FUNCTION to_words(document text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT to_tsvector('pg_catalog.russian'::regconfig, split_han(document));
END;

COMMENT ON FUNCTION to_words(text) IS
    'Searchable words of a text in English, Russian and Chinese or Japanese; NULL for NULL.';
REVOKE ALL ON FUNCTION to_words(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION to_words(text) TO sceneql_analyst;
