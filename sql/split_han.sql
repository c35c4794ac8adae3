-- Purpose: writes each run of Han or kana characters as overlapping pairs, so that the text search
-- parser, which sees no words in such a run, finds any two neighbouring characters of it.
CREATE OR REPLACE FUNCTION split_han(document text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    -- Hiragana and katakana, CJK extension A, the unified ideographs, and the compatibility ones.
    han CONSTANT text := '[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]';
BEGIN
    IF document IS NULL OR document !~ han THEN
        RETURN document;
    END IF;
    RETURN (
        SELECT string_agg(
            CASE
                WHEN is_han AND next_is_han THEN ' ' || letter || next_letter || ' '
                WHEN is_han AND previous_is_han THEN ' '
                WHEN is_han THEN ' ' || letter || ' '
                ELSE letter
            END, '' ORDER BY place)
        FROM (
            SELECT place, letter, letter ~ han AS is_han,
                lead(letter) OVER w AS next_letter,
                coalesce(lead(letter) OVER w ~ han, false) AS next_is_han,
                coalesce(lag(letter) OVER w ~ han, false) AS previous_is_han
            FROM regexp_split_to_table(document, '') WITH ORDINALITY AS letters (letter, place)
            WINDOW w AS (ORDER BY place)
        ) AS placed
    );
END;
$$;

COMMENT ON FUNCTION split_han(text) IS
    'The text with each run of Han or kana characters written as overlapping pairs.';
REVOKE ALL ON FUNCTION split_han(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION split_han(text) TO sceneql_analyst;
