-- Purpose: what people set is kept. Whoever changes a field of a video makes it an edited one, even by
-- a plain UPDATE in psql; the indexing, which says so by set_config('sceneql.indexing', 'on', true),
-- changes all fields but those.
CREATE OR REPLACE FUNCTION videos_keep_edits() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = public, pg_temp
AS $$
DECLARE
    -- The names of the metadata's keys that were edited, without the "metadata." in front.
    keys text[];
BEGIN
    IF current_setting('sceneql.indexing', true) = 'on' THEN
        NEW.edited := OLD.edited;
        IF 'title' = ANY (OLD.edited) THEN NEW.title := OLD.title; END IF;
        IF 'description' = ANY (OLD.edited) THEN NEW.description := OLD.description; END IF;
        IF 'collection' = ANY (OLD.edited) THEN NEW.collection := OLD.collection; END IF;
        IF 'tags' = ANY (OLD.edited) THEN NEW.tags := OLD.tags; END IF;
        IF 'recorded_at' = ANY (OLD.edited) THEN NEW.recorded_at := OLD.recorded_at; END IF;
        keys := ARRAY(SELECT substr(name, 10) FROM unnest(OLD.edited) AS name
            WHERE starts_with(name, 'metadata.'));
        -- A key that people took away stays away.
        NEW.metadata := (NEW.metadata - keys) || (
            SELECT coalesce(jsonb_object_agg(key, value), '{}')
            FROM jsonb_each(OLD.metadata) WHERE key = ANY (keys));
        RETURN NEW;
    END IF;
    -- What the UPDATE itself makes of edited counts as well: a name taken off it gives the field back
    -- to the indexing.
    NEW.edited := NEW.edited || ARRAY(
        SELECT name FROM (
            VALUES ('title', NEW.title IS DISTINCT FROM OLD.title),
                ('description', NEW.description IS DISTINCT FROM OLD.description),
                ('collection', NEW.collection IS DISTINCT FROM OLD.collection),
                ('tags', NEW.tags IS DISTINCT FROM OLD.tags),
                ('recorded_at', NEW.recorded_at IS DISTINCT FROM OLD.recorded_at)
        ) AS field (name, is_changed)
        WHERE is_changed AND name <> ALL (NEW.edited)
        UNION ALL
        SELECT 'metadata.' || key
        FROM jsonb_each(OLD.metadata) AS was (key, value)
        FULL JOIN jsonb_each(NEW.metadata) AS became (key, value) USING (key)
        WHERE was.value IS DISTINCT FROM became.value
            AND 'metadata.' || key <> ALL (NEW.edited)
    );
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION videos_keep_edits() IS
    'Trigger on videos: notes in edited which fields people change, and keeps these from the indexing.';
REVOKE ALL ON FUNCTION videos_keep_edits() FROM PUBLIC;

-- Triggers fire in the order of their names: the words are made of what this one leaves.
CREATE OR REPLACE TRIGGER videos_before_words_keep_edits
    BEFORE UPDATE OF title, description, collection, tags, recorded_at, metadata ON videos
    FOR EACH ROW EXECUTE FUNCTION videos_keep_edits();
