-- Purpose: the frames nearest to a vector, under a filter that never loses rows. The HNSW index filters as it
-- scans: the less a filter holds, the more of the library it passes, and the worse its recall. So
-- where the filter holds few frames, all of them are measured, which is exact and quicker. A filter
-- that holds much serves the index well unless it leaves out just what is near to the vector, which
-- a sample of the library tells. Where the index yields too few rows, the exact scan finishes.
-- Three kinds of index serve: one over the vectors, and, for libraries whose vectors do not fit into
-- memory, one over codes of them, ternary or their signs alone, of which more candidates are read
-- than asked for and measured.
-- The statements name the model and its dimensions as literals, as the view moments does, and for
-- the same reason: only so is the partition pruned and its index matched.
CREATE OR REPLACE FUNCTION nearest_frames(
    vector halfvec, n integer, within bigint[] DEFAULT NULL, exact boolean DEFAULT false,
    except_video bigint DEFAULT NULL
)
    RETURNS TABLE (
        video_id bigint, frame_no integer, distance double precision, is_exact boolean
    )
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    -- How many frames are all measured; without a filter the index does well much earlier. All
    -- numbers here were measured, see docs/benchmarks.md.
    exact_up_to integer := coalesce(
        nullif(current_setting('sceneql.exact_up_to', true), '')::integer, 50000);
    -- Of the sample's frames nearest to the vector, how many the filter has to hold for the index.
    nearby CONSTANT integer := 50;
    least_held CONSTANT integer := 13;
    -- Of an index over codes, how many rows its graph is searched for, how many candidates are read of
    -- those, both also for a large library, whose graph brings fewer of the right ones, and how many
    -- for each row asked for. What is searched for and not read makes up for rows that do not count, so
    -- that one step of the scan does. Signs tell less: all they find is read, in two steps if need be.
    ternary_searched CONSTANT integer[] := '{600, 800}';
    ternary_candidates CONSTANT integer[] := '{400, 400}';
    binary_searched CONSTANT integer[] := '{1000, 1000}';
    binary_candidates CONSTANT integer[] := '{1000, 1250}';
    many_frames CONSTANT integer := 3000000;
    candidates_each CONSTANT integer := 4;
    -- What an index over vectors looks at: 1,000 is the most there is, and fewer do where little is
    -- asked for of a library that is not large.
    most_searched CONSTANT integer := 1000;
    few_searched CONSTANT integer := 600;
    few_rows CONSTANT integer := 100;
    few_frames CONSTANT integer := 200000;
    model record;
    stored real;
    frames integer;
    held bigint := 0;
    -- How an index over codes writes a vector, and how many rows are read of the index that serves.
    code text;
    searched integer;
    candidates bigint;
    -- Where no video is hidden, rows need not be joined with theirs.
    hides boolean;
    visible bigint[];
    source text;
    ef_search text;
    iterative_scan text;
    video_ids bigint[];
    frame_nos integer[];
    distances double precision[];
BEGIN
    PERFORM check_vector(vector);
    SELECT m.id, m.dim INTO model FROM embedding_models m WHERE m.active;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF within IS NULL THEN
        exact_up_to := least(exact_up_to, 20000);
        hides := EXISTS (
            SELECT FROM videos v
            WHERE v.frame_count > 0 AND (v.path IS NULL OR v.status <> 'indexed'));
        -- Counted only as far as it matters, since a library may hold a hundred thousand videos.
        FOR frames IN
            SELECT v.frame_count FROM videos v
            WHERE v.frame_count > 0 AND v.path IS NOT NULL AND v.status = 'indexed'
                AND v.id IS DISTINCT FROM except_video
        LOOP
            held := held + frames;
            EXIT WHEN held
                > greatest(exact_up_to, binary_candidates[2], candidates_each * n::bigint);
        END LOOP;
        source := format(
            'FROM frame_embeddings e %sWHERE e.model_id = %s AND ($4 IS NULL OR e.video_id <> $4) ',
            CASE WHEN hides THEN 'JOIN videos v ON v.id = e.video_id AND v.path IS NOT NULL '
                'AND v.status = ''indexed'' ' END, model.id);
    ELSE
        SELECT coalesce(sum(v.frame_count), 0), coalesce(array_agg(v.id), '{}') INTO held, visible
        FROM videos v
        WHERE v.id = ANY (within) AND v.path IS NOT NULL AND v.status = 'indexed'
            AND v.id IS DISTINCT FROM except_video;
        source := format(
            'FROM frame_embeddings e WHERE e.model_id = %s AND e.video_id = ANY ($2) ', model.id);
    END IF;

    exact := exact OR held <= exact_up_to;
    -- Videos that are hidden are a filter, too.
    IF NOT exact AND (within IS NOT NULL OR hides) THEN
        -- Looked up in a hash, where = ANY would go through all ids for each frame.
        SELECT count(*) FILTER (WHERE CASE
            WHEN within IS NOT NULL THEN near.video_id IN (SELECT unnest(visible))
            ELSE EXISTS (SELECT FROM videos v WHERE v.id = near.video_id
                AND v.path IS NOT NULL AND v.status = 'indexed') END) < least_held INTO exact
        FROM (
            SELECT s.video_id FROM sample_similarities(vector) AS s
            ORDER BY s.similarity DESC LIMIT nearby
        ) AS near;
    END IF;

    IF NOT exact THEN
        stored := (SELECT c.reltuples FROM pg_class c
            WHERE c.oid = to_regclass(format('frame_embeddings_%s', model.id)));
        -- While one kind replaces the other, both are there.
        SELECT of_kind.code, of_kind.searched[size.no],
            greatest(of_kind.candidates[size.no], candidates_each * n::bigint)
            INTO code, searched, candidates
        FROM (VALUES (CASE WHEN stored > many_frames THEN 2 ELSE 1 END)) AS size (no), (VALUES
            ('ternary', ternary_searched, ternary_candidates,
                'ternary_quantize(%1$s::halfvec(%2$s), %2$s)::bit(%3$s)'),
            ('binary', binary_searched, binary_candidates,
                'binary_quantize(%1$s::halfvec(%2$s))::bit(%2$s)')
        ) AS of_kind (kind, searched, candidates, code)
        JOIN pg_index i ON i.indisvalid AND i.indexrelid
            = to_regclass(format('frame_embeddings_%s_%s_idx', model.id, of_kind.kind))
        ORDER BY of_kind.kind DESC LIMIT 1;
        ef_search := current_setting('hnsw.ef_search');
        iterative_scan := current_setting('hnsw.iterative_scan');
        PERFORM set_config('hnsw.ef_search', CASE
            WHEN within IS NOT NULL THEN most_searched
            WHEN code IS NOT NULL THEN least(most_searched, greatest(searched, 3 * candidates / 2))
            WHEN n <= few_rows AND stored BETWEEN 0 AND few_frames THEN few_searched
            ELSE most_searched END::text, true);
        -- The order is put right below, so the scan need not keep it.
        PERFORM set_config('hnsw.iterative_scan', 'relaxed_order', true);
        EXECUTE format(
            'SELECT array_agg(near.video_id), array_agg(near.frame_no), array_agg(near.distance) '
            'FROM (SELECT e.video_id, e.frame_no, e.embedding::halfvec(%1$s) <=> $1 AS distance '
            '%2$s ORDER BY %3$s LIMIT $3) AS near', model.dim, source, coalesce(
                format(code, 'e.embedding', model.dim, 2 * model.dim) || ' <~> '
                || format(code, 'l2_normalize($1)', model.dim, 2 * model.dim), 'distance'))
            INTO video_ids, frame_nos, distances
            USING vector, visible, coalesce(candidates, n), except_video;
        PERFORM set_config('hnsw.ef_search', ef_search, true);
        PERFORM set_config('hnsw.iterative_scan', iterative_scan, true);
        IF cardinality(distances) >= least(n, held) THEN
            RETURN QUERY
                SELECT near.*, cardinality(distances) >= held
                FROM unnest(video_ids, frame_nos, distances) AS near (video_id, frame_no, distance)
                ORDER BY near.distance, near.video_id, near.frame_no LIMIT n;
            RETURN;
        END IF;
    END IF;

    -- An index cannot serve a sum, so all rows are measured.
    RETURN QUERY EXECUTE format(
        'SELECT e.video_id, e.frame_no, (e.embedding::halfvec(%1$s) <=> $1) + 0 AS distance, true '
        '%2$s ORDER BY distance, e.video_id, e.frame_no LIMIT $3', model.dim, source)
        USING vector, visible, n, except_video;
END;
$$;

COMMENT ON FUNCTION nearest_frames(halfvec, integer, bigint[], boolean, bigint) IS
    'The n frames nearest to a vector among the videos whose ids are in within (NULL: all), by cosine '
    'distance (0 to 2), nearest first, without those of except_video. is_exact tells whether all '
    'frames were measured, which exact => true forces; otherwise recall@10 is 0.99 or better, and by an '
    'index over codes 0.96 or better up to three million frames and 0.95 up to ten, the most measured.';
REVOKE ALL ON FUNCTION nearest_frames(halfvec, integer, bigint[], boolean, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION nearest_frames(halfvec, integer, bigint[], boolean, bigint) TO sceneql_analyst;
