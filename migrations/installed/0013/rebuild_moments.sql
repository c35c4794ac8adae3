-- Purpose: (re)creates the view moments over the active model's partition. The view names the model
-- and its dimensions as literals: only so is the partition pruned and its HNSW index, which is on
-- (embedding::halfvec(DIM)), matched. The second cast takes the dimensions off again, so that
-- CREATE OR REPLACE VIEW accepts another model's and everything built on the view stays valid. The id is
-- the embedding's own, so that a filter by many ids is looked up in a hash as the index is scanned, where a
-- join would go through all of them again for each frame.
CREATE OR REPLACE FUNCTION rebuild_moments() RETURNS void
    LANGUAGE plpgsql
    SET search_path = public, pg_temp
AS $$
DECLARE
    -- Without a model the view is empty, because no embedding belongs to model 0.
    active record;
BEGIN
    SELECT m.id, m.dim INTO active FROM embedding_models m WHERE m.active;
    EXECUTE format($view$
        CREATE OR REPLACE VIEW moments AS
        SELECT
            e.video_id, v.title, v.description, v.collection, v.tags, v.metadata,
            v.recorded_at, v.duration_s, v.path,
            f.scene_no, s.start_s, s.end_s, f.frame_no, f.t_s, s.said,
            (e.embedding::halfvec(%2$s))::halfvec AS embedding
        FROM frame_embeddings e
        JOIN frames f ON f.video_id = e.video_id AND f.frame_no = e.frame_no
        JOIN scenes s ON s.video_id = f.video_id AND s.scene_no = f.scene_no
        JOIN videos v ON v.id = e.video_id
        WHERE e.model_id = %1$s AND v.path IS NOT NULL AND v.status = 'indexed'
    $view$, coalesce(active.id, 0), coalesce(active.dim, 1));
    COMMENT ON VIEW moments IS
        'One row per indexed frame of every video that can be watched now: the video, the scene, '
        'the frame at t_s seconds and its embedding by the active model.';
    REVOKE ALL ON moments FROM PUBLIC;
    GRANT SELECT ON moments TO sceneql_analyst;
END;
$$;

COMMENT ON FUNCTION rebuild_moments() IS
    'Points the view moments to the active model. Waits for open readers of the view: set lock_timeout.';
REVOKE ALL ON FUNCTION rebuild_moments() FROM PUBLIC;
