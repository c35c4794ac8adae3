"""Other engines that find the nearest of many vectors, in one shape, to be measured side by side.

All but numpy are packages of the extra `bench`. Graphs are built and searched with the numbers that
our own index and database have.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bench.exact import K, Matrix

NEIGHBOURS = 16
CANDIDATES_OF_BUILD = 200
CANDIDATES = 100


class Engine(Protocol):
    """Holds unit vectors and finds those with the highest inner product.

    What `add` gets is a part of them, (rows, dim), in order; after the last, `finish` makes the
    index whole where it is not yet.
    """

    name: str

    def __init__(self, folder: Path, dim: int) -> None: ...

    def add(self, vectors: Matrix) -> None: ...

    def finish(self) -> None: ...

    def size_bytes(self) -> int: ...

    def ask(self, vector: Matrix) -> list[int]:
        """The row numbers of the K nearest, nearest first."""


class Numpy:
    """All inner products, one after the other: exact."""

    name = "numpy, exact"

    def __init__(self, _folder: Path, _dim: int) -> None:
        self._parts: list[Matrix] = []

    def add(self, vectors: Matrix) -> None:
        self._parts.append(vectors)

    def finish(self) -> None:
        pass

    def size_bytes(self) -> int:
        return sum(part.nbytes for part in self._parts)

    def ask(self, vector: Matrix) -> list[int]:
        similarities = np.concatenate([part @ vector for part in self._parts])
        best = np.argpartition(-similarities, K)[:K]
        return [int(row) for row in best[np.argsort(-similarities[best])]]


class Faiss:
    """faiss' HNSW in this process's memory."""

    name = "faiss, HNSW"
    package = "faiss"

    def __init__(self, _folder: Path, dim: int) -> None:
        import faiss

        self._index: Any = faiss.IndexHNSWFlat(dim, NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        self._index.hnsw.efConstruction = CANDIDATES_OF_BUILD
        self._index.hnsw.efSearch = CANDIDATES

    def add(self, vectors: Matrix) -> None:
        self._index.add(vectors)

    def finish(self) -> None:
        pass

    def size_bytes(self) -> int:
        import faiss

        return int(faiss.serialize_index(self._index).nbytes)

    def ask(self, vector: Matrix) -> list[int]:
        _, rows = self._index.search(vector[None], K)
        return [int(row) for row in rows[0]]


class SqliteVec:
    """sqlite-vec, which measures every vector; by apsw, since not every Python loads extensions."""

    name = "sqlite-vec"
    package = "sqlite_vec"

    def __init__(self, folder: Path, dim: int) -> None:
        import apsw
        import sqlite_vec

        self._path = folder / "vectors.sqlite"
        self._database = apsw.Connection(str(self._path))
        self._database.enable_load_extension(True)
        self._database.load_extension(sqlite_vec.loadable_path())
        self._database.execute(
            f"CREATE VIRTUAL TABLE vectors USING vec0(v float[{dim}] distance_metric=cosine)"
        )
        self._rows = 0

    def add(self, vectors: Matrix) -> None:
        with self._database:
            self._database.executemany(
                "INSERT INTO vectors (rowid, v) VALUES (?, ?)",
                ((row, vector.tobytes()) for row, vector in enumerate(vectors, self._rows)),
            )
        self._rows += len(vectors)

    def finish(self) -> None:
        pass

    def size_bytes(self) -> int:
        return self._path.stat().st_size

    def ask(self, vector: Matrix) -> list[int]:
        found = self._database.execute(
            "SELECT rowid FROM vectors WHERE v MATCH ? AND k = ? ORDER BY distance",
            (vector.tobytes(), K),
        )
        return [int(row) for (row,) in found]


class MilvusLite:
    """Milvus Lite's HNSW, in a file of its own."""

    name = "Milvus Lite, HNSW"
    package = "milvus_lite"

    def __init__(self, folder: Path, dim: int) -> None:
        from pymilvus import DataType, MilvusClient

        self._path = folder / "vectors.milvus.db"
        self._client = MilvusClient(str(self._path))
        schema = self._client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
        self._client.create_collection("vectors", schema=schema)
        graph = self._client.prepare_index_params()
        numbers = {"M": NEIGHBOURS, "efConstruction": CANDIDATES_OF_BUILD}
        graph.add_index("vector", index_type="HNSW", metric_type="COSINE", params=numbers)
        self._client.create_index("vectors", graph)
        self._rows = 0

    def add(self, vectors: Matrix) -> None:
        rows = enumerate(vectors, self._rows)
        self._client.insert("vectors", [{"id": n, "vector": v} for n, v in rows])
        self._rows += len(vectors)

    def finish(self) -> None:
        # It would copy what is not flushed, and measure all that has no graph, for each question. A
        # graph is built as a collection is loaded, which an empty one is already.
        self._client.flush("vectors")
        self._client.release_collection("vectors")
        self._client.load_collection("vectors")

    def size_bytes(self) -> int:
        return sum(file.stat().st_size for file in self._path.rglob("*") if file.is_file())

    def ask(self, vector: Matrix) -> list[int]:
        numbers = {"params": {"ef": CANDIDATES}}
        [found] = self._client.search("vectors", data=[vector], limit=K, search_params=numbers)
        return [int(hit["id"]) for hit in found]


def installed() -> list[type[Engine]]:
    """The engines whose packages are there."""
    others: list[type[Faiss | SqliteVec | MilvusLite]] = [
        engine for engine in (Faiss, SqliteVec, MilvusLite) if find_spec(engine.package)
    ]
    return [Numpy, *others]
