"""Callgrind's output is read as callgrind means it."""

from collections import Counter

from callgrind import plain_name, self_costs

OUTPUT = """\
version: 1
events: Ir
ob=/x/parser.cpython-311.so
fl=parser.c
fn=__pyx_f_8fastgate_5_core_4http_6parser_parser_feed
10 5
+2 7
cob=/lib/libc.so.6
cfn=memcpy
calls=3 0
+1 900
* 2
ob=/lib/libc.so.6
fn=memcpy
-1 900
totals: 914
"""


def test_cost_of_calls_is_the_callees(tmp_path):
    file = tmp_path / "callgrind"
    file.write_text(OUTPUT)
    assert self_costs(file) == Counter({("parser", "http.parser.parser_feed"): 14, ("libc", "memcpy"): 900})


def test_names():
    assert plain_name("__pyx_f_8fastgate_5_core_5proxy_6answer__put_headers") == "proxy.answer._put_headers"
    assert plain_name("__memcpy_avx_unaligned_erms") == "__memcpy_avx_unaligned_erms"
