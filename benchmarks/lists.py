"""P10: how long a page of the list of collections takes, in the API and in the admin, when there are thousands."""

import http.cookiejar
import statistics
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from pymilvus import DataType, MilvusClient

from benchmarks.data import Address
from benchmarks.table import Comparison, Row
from tests.support.stack import PASSWORD, RunningStack

P10 = Comparison("P10", "Milvus: 3,000 collections, a page of 100 of the API's list, p95 in ms", 300, at_most=True)
P10_ADMIN = Comparison(
    "P10-admin", "Milvus: 3,000 collections, a page of 25 of the admin's list, p95 in ms", 300, at_most=True
)
ALL = (P10, P10_ADMIN)

LOADED = 100
_OPENED = 60
_PAGE = 100
_AT_ONCE = 4
_TIMEOUT_S = 120.0


def fill(stack: RunningStack, address: Address, collections: int) -> None:
    """Empty collections with an index, the first hundred by name loaded; all of them on record in the gateway."""
    with closing(address.client()) as client, ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda number: _make(client, number), range(collections)))
    token = stack.token()
    for page in range(1, -(-collections // _PAGE) + 1):
        stack.call(f"/api/v1/collections/?page_size={_PAGE}&page={page}", None, token, timeout=_TIMEOUT_S)


def measure(comparison: Comparison, stack: RunningStack, collections: int) -> Row:
    """Pages from all over the list, the first one, which has what is loaded, every other time; there is no other
    side."""
    admin = comparison is P10_ADMIN
    opened = _admin_page(stack) if admin else _api_page(stack)
    pages = collections // (25 if admin else _PAGE)
    turns = [1 if turn % 2 else 1 + turn * 7 % pages for turn in range(_OPENED)]
    opened(1)
    taken = [_seconds(opened, page) for page in turns]
    p95 = statistics.quantiles(taken, n=20)[-1] * 1000
    return comparison.measured(lambda: p95, lambda: 1.0, 1)


def _seconds(opened: Callable[[int], None], page: int) -> float:
    began = time.perf_counter()
    opened(page)
    return time.perf_counter() - began


def _api_page(stack: RunningStack) -> Callable[[int], None]:
    token = stack.token()

    def opened(page: int) -> None:
        found = stack.call(f"/api/v1/collections/?page_size={_PAGE}&page={page}", None, token, timeout=_TIMEOUT_S)
        if len(found["results"]) != _PAGE:
            raise RuntimeError(f"The page has {len(found['results'])} collections instead of {_PAGE}.")

    return opened


def _admin_page(stack: RunningStack) -> Callable[[int], None]:
    cookies = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(cookies))
    login = f"{stack.origin}/admin/login/"
    browser.open(login, timeout=_TIMEOUT_S).close()
    csrf = next(cookie.value for cookie in cookies if "csrf" in cookie.name)
    form = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": csrf or "", "next": "/admin/"}
    sent = urllib.request.Request(login, urllib.parse.urlencode(form).encode(), {"Referer": login})
    browser.open(sent, timeout=_TIMEOUT_S).close()

    def opened(page: int) -> None:
        with browser.open(f"{stack.origin}/admin/vectorstore/collectionrecord/?p={page}", timeout=_TIMEOUT_S) as answer:
            text = answer.read().decode()
        if f"many_{(page - 1) * 25:05}" not in text:
            raise RuntimeError(f"Page {page} of the admin's list is not what was asked for.")

    return opened


def _make(client: MilvusClient, number: int) -> None:
    name = f"many_{number:05}"
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=8)
    client.create_collection(name, schema=schema, timeout=_TIMEOUT_S)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="HNSW", metric_type="L2", params={"M": 16, "efConstruction": 200})
    client.create_index(name, index, timeout=_TIMEOUT_S, sync=False)
    if number < LOADED:
        client.load_collection(name, timeout=_TIMEOUT_S)
