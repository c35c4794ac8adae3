-- Purpose: reads keywords as web searches do. A minus before Chinese or Japanese has to reach all of the
-- run, of which split_han makes several words.
CREATE OR REPLACE FUNCTION keyword_query(keywords text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT websearch_to_tsquery('pg_catalog.russian'::regconfig, split_han(regexp_replace(
        keywords, '-([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+)', '-"\1"', 'g')));
END;

COMMENT ON FUNCTION keyword_query(text) IS
    'What keywords ask of videos.words and scenes.said_words: "a phrase", or, -not.';
REVOKE ALL ON FUNCTION keyword_query(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keyword_query(text) TO sceneql_analyst;
