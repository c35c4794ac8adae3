-- Purpose: the scenes that answer a question in words best.
CREATE OR REPLACE FUNCTION search_scenes(
    query text, k integer DEFAULT 20, within bigint[] DEFAULT NULL,
    min_z double precision DEFAULT NULL, exact boolean DEFAULT false
)
    RETURNS SETOF moment_hit
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT * FROM rank_scenes(query_vector(query), k, within, min_z, exact);
END;

COMMENT ON FUNCTION search_scenes(text, integer, bigint[], double precision, boolean) IS
    'The k scenes that answer words, which embed_query has made ready, among the videos whose ids are in '
    'within (NULL: all), best first; min_z leaves out what stands out less.';
REVOKE ALL ON FUNCTION search_scenes(text, integer, bigint[], double precision, boolean)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_scenes(text, integer, bigint[], double precision, boolean)
    TO sceneql_analyst;
