"""The automatic choice of an index, and the parameters of each kind."""

from typing import Any

import pytest

from vectorstore.config.index_candidates import EXACT_ROWS, QUANTISED_BYTES, choose
from vectorstore.config.index_config import RULES, build_errors, search_errors, search_params
from vectorstore.domain.models import DataType, IndexKind

ALL = frozenset(IndexKind)
MILVUS_2_3 = ALL - {IndexKind.HNSW_SQ, IndexKind.HNSW_PQ, IndexKind.DISKANN}
LITE = frozenset({IndexKind.FLAT, IndexKind.IVF_FLAT, IndexKind.IVF_SQ8, IndexKind.HNSW, IndexKind.HNSW_SQ})
FLOATS, SPARSE, BITS = DataType.FLOAT_VECTOR, DataType.SPARSE_FLOAT_VECTOR, DataType.BINARY_VECTOR
LARGE = QUANTISED_BYTES // (4 * 768) + 1


@pytest.mark.parametrize(
    ("kind", "rows", "available", "chosen"),
    [
        (FLOATS, None, ALL, IndexKind.HNSW),
        (FLOATS, 0, ALL, IndexKind.FLAT),
        (FLOATS, EXACT_ROWS, ALL, IndexKind.FLAT),
        (FLOATS, EXACT_ROWS + 1, ALL, IndexKind.HNSW),
        (FLOATS, LARGE - 1, ALL, IndexKind.HNSW),
        (FLOATS, LARGE, ALL, IndexKind.HNSW_SQ),
        (FLOATS, LARGE, MILVUS_2_3, IndexKind.IVF_SQ8),
        (FLOATS, LARGE, {IndexKind.HNSW}, IndexKind.HNSW),
        (FLOATS, 50_000, LITE - {IndexKind.HNSW}, IndexKind.IVF_FLAT),
        (FLOATS, 50_000, {IndexKind.FLAT}, IndexKind.FLAT),
        (FLOATS, 50_000, set(), IndexKind.AUTOINDEX),
        (DataType.FLOAT16_VECTOR, 50_000, ALL, IndexKind.HNSW),
        (SPARSE, 50_000, ALL, IndexKind.SPARSE_INVERTED_INDEX),
        (SPARSE, None, {IndexKind.SPARSE_WAND}, IndexKind.SPARSE_WAND),
        (SPARSE, None, LITE, IndexKind.AUTOINDEX),
        (BITS, None, ALL, IndexKind.BIN_FLAT),
        (BITS, 1_000_000, ALL, IndexKind.BIN_FLAT),
        (BITS, 1_000_001, ALL, IndexKind.BIN_IVF_FLAT),
        (BITS, 1_000_001, LITE, IndexKind.AUTOINDEX),
    ],
)
def test_the_index_follows_the_type_the_size_and_the_engine(
    kind: DataType, rows: int | None, available: Any, chosen: IndexKind
) -> None:
    found, params = choose(kind, 768, rows, available)
    assert found is chosen
    assert kind in RULES[found].types
    assert build_errors(found, params) == []


@pytest.mark.parametrize(("rows", "nlist"), [(10_000, 400), (1, 4), (10**9, 65_536)])
def test_clusters_grow_with_the_root_of_the_rows(rows: int, nlist: int) -> None:
    found, params = choose(BITS, 128, rows, {IndexKind.BIN_IVF_FLAT, IndexKind.BIN_FLAT})
    if found is IndexKind.BIN_FLAT:
        found, params = choose(FLOATS, 8, max(rows, EXACT_ROWS + 1), {IndexKind.IVF_FLAT})
        rows, nlist = max(rows, EXACT_ROWS + 1), round(4 * max(rows, EXACT_ROWS + 1) ** 0.5)
    assert params["nlist"] == nlist


def test_a_quantised_graph_keeps_a_byte_for_each_component() -> None:
    assert choose(FLOATS, 768, LARGE, ALL)[1]["sq_type"] == "SQ8"


@pytest.mark.parametrize(
    ("kind", "params", "wrong"),
    [
        (IndexKind.HNSW, {"M": 16, "efConstruction": 200}, {}),
        (IndexKind.HNSW, {}, {}),
        (IndexKind.HNSW, {"M": 1}, {"M": "M is a whole number from 2 to 2048"}),
        (IndexKind.HNSW, {"M": 2049}, {"M": "from 2 to 2048"}),
        (IndexKind.HNSW, {"M": "16"}, {"M": "a whole number"}),
        (IndexKind.HNSW, {"M": 16.0}, {"M": "a whole number"}),
        (IndexKind.HNSW, {"M": True}, {"M": "a whole number"}),
        (IndexKind.HNSW, {"M": None}, {"M": "a whole number"}),
        (IndexKind.HNSW, {"m": 16}, {"m": "HNSW has no parameter m; it has: M, efConstruction"}),
        (IndexKind.FLAT, {"nlist": 1}, {"nlist": "FLAT has no parameter nlist; it has: none"}),
        (IndexKind.HNSW_SQ, {"sq_type": "SQ8"}, {}),
        (IndexKind.HNSW_SQ, {"sq_type": "SQ4"}, {"sq_type": "one of SQ6, SQ8, BF16, FP16"}),
        (IndexKind.HNSW_SQ, {"x": 1}, {"x": "it has: M, efConstruction, sq_type"}),
        (IndexKind.IVF_PQ, {"nlist": 0, "m": 0, "nbits": 8}, {"nlist": "from 1", "m": "from 1"}),
    ],
)
def test_every_bad_build_parameter_is_named(kind: IndexKind, params: dict[str, Any], wrong: dict[str, str]) -> None:
    found = dict(build_errors(kind, params))
    assert found.keys() == wrong.keys()
    assert all(words in found[name] for name, words in wrong.items())


@pytest.mark.parametrize(
    ("kind", "params", "names"),
    [
        (IndexKind.HNSW, {"ef": 64}, []),
        (IndexKind.HNSW, {"ef": 0}, ["ef"]),
        (IndexKind.HNSW, {"nprobe": 4}, ["nprobe"]),
        (IndexKind.SCANN, {"nprobe": 4, "reorder_k": 100}, []),
        (IndexKind.FLAT, {"ef": 1}, ["ef"]),
        (IndexKind.HNSW, {"M": 16}, ["M"]),
    ],
)
def test_every_bad_search_parameter_is_named(kind: IndexKind, params: dict[str, Any], names: list[str]) -> None:
    assert [name for name, _ in search_errors(kind, params)] == names


@pytest.mark.parametrize("kind", [kind for kind in IndexKind if kind in RULES])
@pytest.mark.parametrize("top_k", [1, 10, 100, 16_384])
def test_effort_grows_with_the_recall_asked_for_and_stays_in_range(kind: IndexKind, top_k: int) -> None:
    efforts = [search_params(kind, {}, top_k, target) for target in (0.5, 0.9, None, 0.99, 1.0)]
    for params in efforts:
        assert search_errors(kind, params) == []
        assert params.keys() == RULES[kind].search.keys()
    for name in RULES[kind].search:
        values = [params[name] for params in efforts]
        assert values == sorted(values)
        if name in ("ef", "search_list", "reorder_k"):
            assert values[0] >= min(top_k, RULES[kind].search[name].high)


def test_what_the_caller_gives_is_not_changed() -> None:
    assert search_params(IndexKind.HNSW, {"ef": 7}, 100, 0.99) == {"ef": 7}
    assert search_params(IndexKind.IVF_FLAT, {}, 10, None) == {"nprobe": 16}
    assert search_params(IndexKind.FLAT, {}, 10, 0.99) == {}


def test_every_kind_but_the_choice_has_rules() -> None:
    assert set(IndexKind) - RULES.keys() == {IndexKind.AUTO}
    for kind, rules in RULES.items():
        assert rules.types
        assert rules.help
        for rule in (*rules.build.values(), *rules.search.values()):
            assert rule.low <= rule.default <= rule.high
            assert rule.help
        assert build_errors(kind, {name: rule.default for name, rule in rules.build.items()}) == []
