"""How often the cache helped, by collection: for Prometheus, and for the page of a collection."""

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter
from prometheus_client.multiprocess import MultiProcessCollector

from vectorstore.domain.models import CollectionName

RESULTS = ("hit", "miss", "bypass", "store", "refused")
"""``refused``: what was kept under the key was no answer to it."""
_MOST = 1_000
_OTHERS = "others"

_counter = Counter(
    "vectorstore_search_cache",
    "Searches that the cache answered (hit), did not have (miss) or was not asked for (bypass), answers that were kept"
    " (store), and values that were no answer to their key (refused).",
    ["collection", "result"],
)
_labels: set[str] = set()


def count(name: CollectionName, result: str) -> None:
    label = str(name)
    if label not in _labels:
        if len(_labels) >= _MOST:
            label = _OTHERS
        _labels.add(label)
    _counter.labels(label, result).inc()


def counts(name: CollectionName) -> dict[str, int]:
    """By result, of all processes since the gateway was started."""
    found = dict.fromkeys(RESULTS, 0)
    for metric in _registry().collect():
        if metric.name != "vectorstore_search_cache":
            continue
        for sample in metric.samples:
            if sample.name.endswith("_total") and sample.labels["collection"] == str(name):
                found[sample.labels["result"]] += int(sample.value)
    return found


def _registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
