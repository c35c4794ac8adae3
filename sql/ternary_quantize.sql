-- Purpose: what an index over ternary codes holds of a vector: two bits for each dimension, whether its value is
-- above 0.4 times the root mean square of a vector of length 1, and whether it is above minus as
-- much. The Hamming distance of two codes is the sum of the differences of the values -1, 0 and 1 (a
-- thermometer code), which tells what is near by fewer candidates than signs do, since these lose
-- how large a value is. The threshold was chosen on vectors of photographs and captions, see
-- docs/decisions/0019.
-- Written so that the parser binds its names, since an index calls it with no search_path, and not
-- STRICT, which would keep it from being taken into the statement. Once indexes are
-- built over it, it never changes: a better code gets a function of its own.
CREATE OR REPLACE FUNCTION ternary_quantize(vector halfvec, dim integer) RETURNS bit varying
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN binary_quantize(vector - array_fill((0.4 / sqrt(dim))::real, ARRAY[dim])::halfvec)
        || binary_quantize(vector + array_fill((0.4 / sqrt(dim))::real, ARRAY[dim])::halfvec);

COMMENT ON FUNCTION ternary_quantize(halfvec, integer) IS
    'Two bits for each of the dim dimensions of a vector of length 1: whether its value is above 0.4 / sqrt(dim), '
    'for all of them, and then whether it is above -0.4 / sqrt(dim). Codes are compared by Hamming '
    'distance. Raises if the vector does not have dim dimensions.';
REVOKE ALL ON FUNCTION ternary_quantize(halfvec, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ternary_quantize(halfvec, integer) TO sceneql_analyst;
