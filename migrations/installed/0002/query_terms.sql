-- Purpose: takes "beach -people" apart into what is wanted and what is not.
CREATE OR REPLACE FUNCTION query_terms(query text)
    RETURNS TABLE (term text, wanted boolean)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    -- Spaces of all kinds are one space; a minus counts only after one, so that "x-ray" stays whole.
    WITH plain AS (
        SELECT regexp_replace(query_terms.query,
            '[\s\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+', ' ', 'g') AS query
    )
    SELECT terms.term, terms.wanted
    FROM (
        SELECT btrim(regexp_replace(regexp_replace(
            plain.query, '(^|\s)-("[^"]*"|[^\s"]+)', ' ', 'g'), ' +', ' ', 'g')), true
        FROM plain
        UNION ALL
        SELECT btrim(found[2], '" '), false
        FROM plain CROSS JOIN LATERAL regexp_matches(
            plain.query, '(^|\s)-("[^"]*"|[^\s"]+)', 'g') AS found
    ) AS terms (term, wanted)
    WHERE terms.term <> '';
END;

COMMENT ON FUNCTION query_terms(text) IS
    'What is wanted (at most one row) and what is not (-word or -"two words", a row each) in a question.';
REVOKE ALL ON FUNCTION query_terms(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION query_terms(text) TO sceneql_analyst;
