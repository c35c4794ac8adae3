-- Purpose: tells at once whether anybody is there to answer a question. An embedder holds a shared
-- advisory lock for as long as its session lives, so a dead one never looks alive.
CREATE OR REPLACE FUNCTION embedder_running() RETURNS boolean
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.classid = 20265 AND l.objid = 1 AND l.objsubid = 2
            AND l.granted
            AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    );
END;

COMMENT ON FUNCTION embedder_running() IS
    'Whether an embedder, which turns questions into vectors, is connected to this database.';
REVOKE ALL ON FUNCTION embedder_running() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION embedder_running() TO sceneql_analyst;
