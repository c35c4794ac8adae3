-- Purpose: "a red circle, then a blue square": two questions in words, answered one after the other.
CREATE OR REPLACE FUNCTION search_sequence(
    first text, followed_by text, max_gap_s double precision DEFAULT 60,
    k integer DEFAULT 20, within bigint[] DEFAULT NULL,
    min_z double precision DEFAULT NULL, exact boolean DEFAULT false
)
    RETURNS SETOF sequence_hit
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT * FROM rank_sequences(
        query_vector(first), query_vector(followed_by), max_gap_s, k, within, min_z, exact);
END;

COMMENT ON FUNCTION search_sequence(
    text, text, double precision, integer, bigint[], double precision, boolean) IS
    'The k places where what the first words say is followed by what the second words say, within '
    'max_gap_s seconds in the same video; embed_query must have made both ready.';
REVOKE ALL ON FUNCTION search_sequence(
    text, text, double precision, integer, bigint[], double precision, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_sequence(
    text, text, double precision, integer, bigint[], double precision, boolean) TO sceneql_analyst;
