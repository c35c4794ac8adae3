-- Purpose: how similar to a vector a frame is that has nothing to do with it. A cut-off on the bare
-- similarity means something else for every question; one on how far a hit stands out does not.
-- Frames that answer must not pass for background. If many of the sample do, its similarities have two
-- heaps: N. Otsu, "A threshold selection method from gray-level histograms" (1979), says where to part
-- them, and the distance D of Ashman, Bird and Zepf, "Detecting bimodality in astronomical datasets"
-- (1994), whether there are two; then the lower one is the background. If few do, they lie beyond what
-- chance explains and are left out, over and over, until nothing more falls away.
CREATE OR REPLACE FUNCTION search_background(vector halfvec)
    RETURNS TABLE (mean double precision, deviation double precision, frames integer)
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    sample_size CONSTANT integer := 1000;
    -- Below this many frames a sample says too little.
    enough CONSTANT integer := 200;
    -- One heap cut in two by Otsu's threshold is 2.7 apart.
    least_apart CONSTANT double precision := 3;
    least_share CONSTANT double precision := 0.03;
    clip_at CONSTANT double precision := 2.5;
    model record;
    similarities double precision[];
    parting record;
    last_count integer;
BEGIN
    SELECT m.id, m.dim INTO model FROM embedding_models m WHERE m.active;
    -- As in sample_similarities, but the sample goes on until it has as many frames that can be found:
    -- of an archive whose files have gone it would hold hardly any.
    IF FOUND THEN
        EXECUTE format(
            'SELECT array_agg(sample.similarity) '
            'FROM (SELECT 1 - (e.embedding::halfvec(%s) <=> $1) AS similarity '
            'FROM frame_embeddings e '
            'JOIN videos v ON v.id = e.video_id AND v.path IS NOT NULL AND v.status = ''indexed'' '
            'WHERE e.model_id = %s '
            'ORDER BY hashint8extended(e.video_id, e.frame_no::bigint) LIMIT $2) AS sample',
            model.dim, model.id)
            INTO similarities USING vector, sample_size;
    END IF;
    frames := coalesce(cardinality(similarities), 0);
    IF frames < enough THEN
        RETURN NEXT;
        RETURN;
    END IF;

    -- Running sums, because a mean over the rest of the rows would be computed anew for each.
    SELECT * INTO parting
    FROM (
        SELECT upper_count, lower_mean, sqrt(lower_variance) AS lower_deviation,
            (upper_mean - lower_mean)
                / nullif(sqrt((lower_variance + upper_variance) / 2), 0) AS apart,
            upper_count * lower_count * (upper_mean - lower_mean) ^ 2 AS contrast
        FROM (
            SELECT lower_count, frames - lower_count AS upper_count,
                lower_sum / lower_count AS lower_mean,
                (total - lower_sum) / (frames - lower_count) AS upper_mean,
                greatest(lower_squares / lower_count - (lower_sum / lower_count) ^ 2, 0)
                    AS lower_variance,
                greatest((squares - lower_squares) / (frames - lower_count)
                    - ((total - lower_sum) / (frames - lower_count)) ^ 2, 0) AS upper_variance
            FROM (
                SELECT count(*) OVER below AS lower_count, sum(s) OVER below AS lower_sum,
                    sum(s * s) OVER below AS lower_squares, sum(s) OVER () AS total,
                    sum(s * s) OVER () AS squares
                FROM unnest(similarities) AS sample (s)
                WINDOW below AS (ORDER BY s ROWS UNBOUNDED PRECEDING)
            ) AS sums
            WHERE lower_count < frames
        ) AS split
    ) AS parted
    ORDER BY contrast DESC LIMIT 1;
    IF parting.apart >= least_apart AND parting.upper_count >= least_share * frames THEN
        mean := parting.lower_mean;
        deviation := nullif(parting.lower_deviation, 0);
        RETURN NEXT;
        RETURN;
    END IF;

    LOOP
        last_count := cardinality(similarities);
        SELECT avg(s), nullif(stddev_pop(s), 0) INTO mean, deviation
        FROM unnest(similarities) AS sample (s);
        similarities := ARRAY(
            SELECT s FROM unnest(similarities) AS sample (s) WHERE s <= mean + clip_at * deviation);
        EXIT WHEN cardinality(similarities) IN (0, last_count) OR cardinality(similarities) < frames / 2;
    END LOOP;
    RETURN NEXT;
END;
$$;

COMMENT ON FUNCTION search_background(halfvec) IS
    'Mean and deviation of the cosine similarity between a vector and frames that do not answer it, '
    'from a sample of at most 1,000 frames that can be found; NULL where there are fewer than 200. z is (similarity - '
    'mean) / deviation.';
REVOKE ALL ON FUNCTION search_background(halfvec) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_background(halfvec) TO sceneql_analyst;
