-- Purpose: keeps videos.path, which says where the video is and hides it when it is nowhere. A
-- column on videos costs search nothing, where a join or EXISTS on video_files would stand
-- between the index scan and its LIMIT.
CREATE OR REPLACE FUNCTION video_files_set_path() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = public, pg_temp
AS $$
BEGIN
    -- The UPDATE sees what the files were when it began. Had it to wait for another one then, of another
    -- file of the same video, it would not see what that has changed.
    PERFORM FROM videos v WHERE v.id IN (OLD.video_id, NEW.video_id) ORDER BY v.id FOR UPDATE;
    UPDATE videos
    SET path = (
        -- The path it has is kept as long as it holds, so that a copy made elsewhere changes nothing.
        SELECT f.path FROM video_files f
        WHERE f.video_id = videos.id AND f.state <> 'missing'
        ORDER BY f.path IS DISTINCT FROM videos.path, f.path LIMIT 1
    )
    WHERE id IN (OLD.video_id, NEW.video_id);
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION video_files_set_path() IS
    'Trigger on video_files: points videos.path to a file that is not missing, or NULL.';
REVOKE ALL ON FUNCTION video_files_set_path() FROM PUBLIC;

CREATE OR REPLACE TRIGGER video_files_set_path
    AFTER INSERT OR DELETE OR UPDATE OF path, video_id, state ON video_files
    FOR EACH ROW EXECUTE FUNCTION video_files_set_path();
