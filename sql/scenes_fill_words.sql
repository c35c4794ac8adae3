-- Purpose: keeps scenes.said_words current.
CREATE OR REPLACE FUNCTION scenes_fill_words() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = public, pg_temp
AS $$
BEGIN
    NEW.said_words := to_words(NEW.said);
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION scenes_fill_words() IS
    'Trigger on scenes: fills said_words from the subtitles.';
REVOKE ALL ON FUNCTION scenes_fill_words() FROM PUBLIC;

CREATE OR REPLACE TRIGGER scenes_fill_words
    BEFORE INSERT OR UPDATE OF said ON scenes
    FOR EACH ROW EXECUTE FUNCTION scenes_fill_words();
