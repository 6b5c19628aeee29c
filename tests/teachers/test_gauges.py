"""The load of an engine."""

from hypothesis import given
from hypothesis import strategies as st

from app.teachers import gauges

PAGE = """# HELP vllm:num_requests_running Number of requests.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a b"} 3.0
vllm:num_requests_running{engine="1",model_name="a b"} 4.0
vllm:num_requests_waiting{engine="0",model_name="a b"} 1.0
vllm:kv_cache_usage_perc{engine="0",model_name="a b"} 0.2
vllm:kv_cache_usage_perc{engine="1",model_name="a b"} 0.4
vllm:generation_tokens_total{engine="0",model_name="a b"} 1.5e+06
vllm:prefix_cache_queries_total{engine="0"} 10.0
vllm:prefix_cache_hits_total{engine="0"} NaN
vllm:num_requests_running_created{engine="0"} 1.7e+09
"""


def test_engines_are_summed_and_their_caches_averaged() -> None:
    seen = gauges.read(PAGE)
    assert seen is not None
    assert (seen.running, seen.waiting, seen.completion_tokens) == (7, 1, 1_500_000)
    assert round(seen.kv_cache, 6) == 0.3
    assert (seen.prefix_queries, seen.prefix_hits) == (10, 0)


def test_a_page_of_something_else_is_no_engines() -> None:
    assert gauges.read("router_requests_total 4\n") is None


@given(text=st.text(max_size=300))
def test_any_text_at_all_is_read_or_not(text: str) -> None:
    gauges.read(text)
    gauges.read(PAGE + text)
