-- Purpose: keeps videos.words current. A generated column cannot do it: array_to_string over the
-- tags is not immutable.
CREATE OR REPLACE FUNCTION videos_fill_words() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = public, pg_temp
AS $$
BEGIN
    NEW.words := to_words(concat_ws(
        ' ', NEW.title, NEW.description, NEW.collection, array_to_string(NEW.tags, ' '),
        -- The parser takes "red_circle.mp4" for a host name, so the separators become spaces.
        regexp_replace(regexp_replace(NEW.path, '^.*/', ''), '[._-]+', ' ', 'g')
    ));
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION videos_fill_words() IS
    'Trigger on videos: fills words from title, description, collection, tags and file name.';
REVOKE ALL ON FUNCTION videos_fill_words() FROM PUBLIC;

CREATE OR REPLACE TRIGGER videos_fill_words
    BEFORE INSERT OR UPDATE OF title, description, collection, tags, path ON videos
    FOR EACH ROW EXECUTE FUNCTION videos_fill_words();
