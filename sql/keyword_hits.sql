-- Purpose: the scenes that match by their words: what is said in them, or what their video is called
-- and described by. A video's words belong to all its scenes alike, so it is listed once, with no
-- scene. search_hybrid plans it without knowing what is asked: the keywords are still read once (OFFSET
-- keeps them from being put where each row is looked at), and the ids in within still hashed.
CREATE OR REPLACE FUNCTION keyword_hits(
    keywords text, k integer DEFAULT 100, within bigint[] DEFAULT NULL
)
    RETURNS TABLE (video_id bigint, scene_no integer, matched_by text, relevance double precision)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    -- Each arm is cut to k rows by itself, so that its own index serves it.
    (
        SELECT s.video_id, s.scene_no, 'subtitles' AS matched_by,
            ts_rank(s.said_words, q.query)::double precision AS relevance
        FROM (SELECT keyword_query(keywords) AS query OFFSET 0) AS q
        JOIN scenes s ON s.said_words @@ q.query
        JOIN videos v ON v.id = s.video_id
        WHERE v.path IS NOT NULL AND v.status = 'indexed'
            AND (within IS NULL OR v.id IN (SELECT unnest(within)))
            -- What is only not wanted is in no order that means anything.
            AND querytree(q.query) NOT IN ('', 'T')
        ORDER BY relevance DESC, s.video_id, s.scene_no LIMIT k
    )
    UNION ALL
    (
        SELECT v.id, NULL, 'words', ts_rank(v.words, q.query)::double precision AS relevance
        FROM (SELECT keyword_query(keywords) AS query OFFSET 0) AS q
        JOIN videos v ON v.words @@ q.query
        WHERE v.path IS NOT NULL AND v.status = 'indexed'
            AND (within IS NULL OR v.id IN (SELECT unnest(within)))
            AND querytree(q.query) NOT IN ('', 'T')
        ORDER BY relevance DESC, v.id LIMIT k
    );
END;

COMMENT ON FUNCTION keyword_hits(text, integer, bigint[]) IS
    'Scenes whose subtitles match keywords (as in web searches: "a phrase", or, -not), and videos whose '
    'title, description, tags, collection or file name do (scene_no NULL), at most k of each; none where '
    'keywords say only what is not wanted.';
REVOKE ALL ON FUNCTION keyword_hits(text, integer, bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keyword_hits(text, integer, bigint[]) TO sceneql_analyst;
