-- Purpose: the scenes in which something is said, ranked by how they look. An index on vectors knows no
-- words, so all frames of those scenes are measured, and none is lost. Where a word is said
-- everywhere these are all frames of the library: only numbers are compared then, and all else
-- is looked up for the k scenes that are left. As in nearest_frames, the statement names the model.
-- The planner takes frames for less different than they are, and would keep every vector in a cache
-- that never serves: three times the time.
CREATE OR REPLACE FUNCTION rank_said(
    keywords text[], vector halfvec DEFAULT NULL, k integer DEFAULT 20,
    within bigint[] DEFAULT NULL, min_z double precision DEFAULT NULL
)
    RETURNS SETOF moment_hit
    LANGUAGE plpgsql STABLE
    SET enable_memoize = off
AS $$
DECLARE
    model record;
    ground record;
    keyword text;
    query tsquery;
    wanted tsquery := '';
    any_wanted tsquery := '';
BEGIN
    PERFORM check_k(k);
    FOREACH keyword IN ARRAY coalesce(keywords, '{}') LOOP
        query := coalesce(keyword_query(keyword), '');
        wanted := wanted && query;
        any_wanted := any_wanted || query;
        EXIT WHEN numnode(query) = 0;
    END LOOP;
    IF coalesce(numnode(query), 0) = 0 THEN
        RAISE EXCEPTION 'nothing is left of the words to be said'
            USING ERRCODE = 'SQ002', HINT = 'Give a word that means something, such as: said:"harbour".';
    END IF;

    IF vector IS NULL THEN
        -- The scenes come sorted, so that no more of them are looked at than it takes for k.
        RETURN QUERY
            SELECT row_number() OVER (ORDER BY p.relevance DESC, p.video_id, p.scene_no)::integer AS rank,
                m.video_id, m.title, m.path, m.scene_no, m.start_s, m.end_s, m.frame_no, m.t_s,
                NULL::double precision, NULL::double precision, ARRAY['subtitles'], true
            FROM (
                SELECT s.video_id, s.scene_no, ts_rank(s.said_words, wanted) AS relevance
                FROM scenes s
                WHERE s.said_words @@ wanted AND (within IS NULL OR s.video_id = ANY (within))
                ORDER BY relevance DESC, s.video_id, s.scene_no
            ) AS p
            -- A scene is shown as it was when the words were said.
            LEFT JOIN LATERAL (
                SELECT t.start_s FROM subtitles t
                WHERE t.video_id = p.video_id AND t.scene_no = p.scene_no
                    AND t.said_words @@ any_wanted
                ORDER BY ts_rank(t.said_words, any_wanted) DESC, t.line_no LIMIT 1
            ) AS l ON true
            CROSS JOIN LATERAL (
                SELECT n.* FROM moments n
                WHERE n.video_id = p.video_id AND n.scene_no = p.scene_no
                ORDER BY abs(n.t_s - l.start_s), n.frame_no LIMIT 1
            ) AS m
            ORDER BY p.relevance DESC, p.video_id, p.scene_no LIMIT k;
        RETURN;
    END IF;

    SELECT m.id, m.dim INTO model FROM embedding_models m WHERE m.active;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Before, and not within: what it calls would keep the statement from running in parallel.
    SELECT b.mean, b.deviation INTO ground FROM search_background(vector) b;
    RETURN QUERY EXECUTE format($query$
        WITH best AS MATERIALIZED (
            SELECT s.video_id, s.scene_no, min(e.embedding::halfvec(%s) <=> $1) AS distance
            FROM scenes s
            JOIN videos v ON v.id = s.video_id
            JOIN frames f ON f.video_id = s.video_id AND f.scene_no = s.scene_no
            JOIN frame_embeddings e ON e.video_id = f.video_id AND e.frame_no = f.frame_no
            WHERE s.said_words @@ $2 AND ($3 IS NULL OR s.video_id = ANY ($3))
                AND v.path IS NOT NULL AND v.status = 'indexed' AND e.model_id = %s
            GROUP BY s.video_id, s.scene_no
            ORDER BY distance, s.video_id, s.scene_no LIMIT $4
        )
        SELECT row_number() OVER (ORDER BY b.distance, b.video_id, b.scene_no)::integer AS rank,
            m.video_id, m.title, m.path, m.scene_no, m.start_s, m.end_s, m.frame_no, m.t_s,
            1 - b.distance, (1 - b.distance - $6) / $7,
            ARRAY['picture', 'subtitles'], true
        FROM best b
        CROSS JOIN LATERAL (
            SELECT n.* FROM moments n
            WHERE n.video_id = b.video_id AND n.scene_no = b.scene_no
            ORDER BY n.embedding <=> $1, n.frame_no LIMIT 1
        ) AS m
        WHERE coalesce((1 - b.distance - $6) / $7 >= $5, true)
        ORDER BY rank
        $query$, model.dim, model.id)
        USING vector, wanted, within, k, min_z, ground.mean, ground.deviation;
END;
$$;

COMMENT ON FUNCTION rank_said(text[], halfvec, integer, bigint[], double precision) IS
    'The k scenes in which all keywords (each as in web searches: "a phrase", or, -not) are said, nearest to '
    'a vector first, or without one by how well the words fit; within and min_z as in rank_scenes. Always exact.';
REVOKE ALL ON FUNCTION rank_said(text[], halfvec, integer, bigint[], double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rank_said(text[], halfvec, integer, bigint[], double precision)
    TO sceneql_analyst;
