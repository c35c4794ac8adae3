-- Purpose: scenes by how they look and by the words that go with them. The two rankings measure
-- different things on different scales, so only their ranks are put together: reciprocal rank
-- fusion, from Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and
-- individual Rank Learning Methods" (SIGIR 2009), with its constant of 60.
CREATE OR REPLACE FUNCTION search_hybrid(
    query text DEFAULT NULL, keywords text DEFAULT NULL, image text DEFAULT NULL,
    weights jsonb DEFAULT '{"query": 1, "not": 0.5, "image": 1, "picture": 1, "keywords": 1}',
    k integer DEFAULT 20, within bigint[] DEFAULT NULL,
    min_z double precision DEFAULT NULL, exact boolean DEFAULT false
)
    RETURNS SETOF moment_hit
    LANGUAGE plpgsql STABLE
    -- Whatever is asked, the same plan serves; to make one takes as long as half of a search.
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    vector halfvec := hybrid_vector(query, image, weights);
    asked tsquery := keyword_query(keywords);
    -- Both rankings are read further than k, because a hit low in both may come out high.
    depth integer := least(greatest(2 * k::bigint, 100), 2147483647);
    picture_weight double precision := coalesce((weights ->> 'picture')::double precision, 1);
    keyword_weight double precision := coalesce((weights ->> 'keywords')::double precision, 1);
BEGIN
    PERFORM check_k(k);
    IF vector IS NULL AND coalesce(btrim(keywords), '') = '' THEN
        RAISE EXCEPTION 'the question is empty; give words, keywords or a picture'
            USING ERRCODE = 'SQ002';
    END IF;
    RETURN QUERY
        WITH word AS MATERIALIZED (
            SELECT h.*, row_number() OVER (PARTITION BY h.matched_by
                ORDER BY h.relevance DESC, h.video_id, h.scene_no) AS rank
            FROM keyword_hits(keywords, depth, within) h
        ),
        -- Where no words match there is nothing to fuse.
        pictured AS MATERIALIZED (
            SELECT * FROM rank_scenes(vector,
                CASE WHEN EXISTS (SELECT FROM word) THEN depth ELSE k END, within, min_z, exact)
            WHERE vector IS NOT NULL
        ),
        -- A video that matches by its words alone is shown by the scene that fits best. Who comes after
        -- k others is not among the k best.
        shown AS (
            SELECT DISTINCT ON (m.video_id) m.video_id, m.scene_no
            FROM word w JOIN moments m ON m.video_id = w.video_id
            WHERE w.scene_no IS NULL AND w.rank <= k
            ORDER BY m.video_id, m.embedding <=> vector, m.scene_no
        ),
        candidate AS (
            SELECT p.video_id, p.scene_no FROM pictured p
            UNION SELECT w.video_id, w.scene_no FROM word w WHERE w.scene_no IS NOT NULL
            UNION SELECT s.video_id, s.scene_no FROM shown s
        ),
        scored AS (
            SELECT c.video_id, c.scene_no, p.z,
                (SELECT coalesce(bool_and(a.is_exact), true) FROM pictured a) AS is_exact,
                array_remove(ARRAY[
                    CASE WHEN p.rank IS NOT NULL THEN 'picture' END,
                    CASE WHEN v.rank IS NOT NULL THEN 'words' END,
                    CASE WHEN s.rank IS NOT NULL THEN 'subtitles' END], NULL) AS matched_by,
                coalesce(picture_weight / (60 + p.rank), 0)
                    + coalesce(keyword_weight / (60 + least(v.rank, s.rank)), 0) AS score
            FROM candidate c
            LEFT JOIN pictured p ON p.video_id = c.video_id AND p.scene_no = c.scene_no
            LEFT JOIN word v ON v.video_id = c.video_id AND v.scene_no IS NULL
            LEFT JOIN word s ON s.video_id = c.video_id AND s.scene_no = c.scene_no
        ),
        best AS (
            SELECT row_number() OVER (ORDER BY score DESC, video_id, scene_no) AS rank, *
            FROM scored ORDER BY rank LIMIT k
        ),
        -- What was found by its looks has its z; a background is measured for the others only.
        ground AS MATERIALIZED (
            SELECT g.mean, g.deviation FROM search_background(vector) g
            WHERE vector IS NOT NULL
                AND EXISTS (SELECT FROM best b WHERE NOT 'picture' = ANY (b.matched_by))
        )
        SELECT b.rank::integer, m.video_id, m.title, m.path, m.scene_no, m.start_s, m.end_s,
            m.frame_no, m.t_s, m.similarity,
            coalesce(b.z, (m.similarity - g.mean) / g.deviation),
            b.matched_by, b.is_exact
        FROM best b
        LEFT JOIN LATERAL (
            SELECT t.start_s FROM subtitles t
            WHERE t.video_id = b.video_id AND t.scene_no = b.scene_no
                AND t.said_words @@ asked AND 'subtitles' = ANY (b.matched_by)
            ORDER BY ts_rank(t.said_words, asked) DESC, t.line_no LIMIT 1
        ) AS l ON true
        CROSS JOIN LATERAL (
            SELECT n.*, 1 - (n.embedding <=> vector) AS similarity
            FROM moments n WHERE n.video_id = b.video_id AND n.scene_no = b.scene_no
            -- A scene that was not found by its looks is shown as it was when the words were said.
            ORDER BY CASE WHEN 'picture' = ANY (b.matched_by) THEN NULL ELSE abs(n.t_s - l.start_s) END,
                similarity DESC NULLS LAST, n.frame_no LIMIT 1
        ) AS m
        LEFT JOIN ground g ON true
        ORDER BY b.rank;
END;
$$;

COMMENT ON FUNCTION search_hybrid(
    text, text, text, jsonb, integer, bigint[], double precision, boolean) IS
    'The k scenes that fit words ("beach -people") and a picture (a key of embed_image) by how they look, '
    'and keywords by title, description, tags, collection, file name and subtitles, fused by rank. '
    'weights: of query, not and image within the vector, and of picture and keywords in the fusion.';
REVOKE ALL ON FUNCTION search_hybrid(
    text, text, text, jsonb, integer, bigint[], double precision, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_hybrid(
    text, text, text, jsonb, integer, bigint[], double precision, boolean) TO sceneql_analyst;
