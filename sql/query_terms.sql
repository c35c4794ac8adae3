-- Purpose: takes "beach -people" apart into what is wanted and what is not.
CREATE OR REPLACE FUNCTION query_terms(query text)
    RETURNS TABLE (term text, wanted boolean)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    -- A minus counts only after a space, so that "x-ray" stays whole.
    SELECT terms.term, terms.wanted
    FROM (
        SELECT btrim(regexp_replace(
            regexp_replace(query, '(^|\s)-("[^"]*"|[^\s"]+)', ' ', 'g'), '\s+', ' ', 'g')), true
        UNION ALL
        SELECT btrim(found[2], '" '), false
        FROM regexp_matches(query, '(^|\s)-("[^"]*"|[^\s"]+)', 'g') AS found
    ) AS terms (term, wanted)
    WHERE terms.term <> '';
END;

COMMENT ON FUNCTION query_terms(text) IS
    'What is wanted (at most one row) and what is not (-word or -"two words", a row each) in a question.';
REVOKE ALL ON FUNCTION query_terms(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION query_terms(text) TO sceneql_analyst;
