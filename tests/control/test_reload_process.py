"""Reloads of a running gateway: all or nothing, by every way to ask, with no request lost."""

import json
import signal
import subprocess
import sys
import threading

import requests
from support.held_upstream import HeldUpstream, to


def cli(running, *args):
    done = subprocess.run([sys.executable, "-m", "fastgate", *args, "-c", str(running.config_path)],
                          capture_output=True, text=True, env=running.environ, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_by_command(gateway, upstream):
    running = gateway(to(upstream.url, "/old"))
    assert requests.get(running.url + "/new").status_code == 404
    running.write_config(to(upstream.url, "/new"))
    code, out, err = cli(running, "reload")
    assert code == 0 and out.startswith("reloaded: snapshot 2, 1 service, 1 route") and err == ""
    assert requests.get(running.url + "/new").text == "answer"
    assert requests.get(running.url + "/old").status_code == 404
    code, out, err = cli(running, "stop")
    assert (code, out, err) == (0, "stopped\n", "")
    assert running.wait() == 0


def test_refused(gateway, upstream):
    running = gateway(to(upstream.url))
    running.write_config({"services": [{"name": "s", "url": "http://h", "colour": "red"}], "routes": [{"paths": [7]}]})
    code, out, err = cli(running, "reload")
    assert code == 1 and out == ""
    assert "services[0].colour" in err and "routes[0].paths[0]" in err and "the old configuration goes on" in err
    assert requests.get(running.url).text == "answer"
    running.wait_for_log("services[0].colour")
    info = running.command("info")
    assert (info["reloads"]["succeeded"], info["reloads"]["failed"]) == (0, 1) and len(info["last_errors"]) >= 2
    running.write_config("not: [yaml")
    assert cli(running, "reload")[0] == 1
    running.config_path.unlink()
    code, _, err = cli(running, "reload")
    assert code == 1 and running.config_path.name in err
    assert requests.get(running.url).text == "answer"


def test_a_bad_regex_is_refused_by_the_core(gateway, upstream):
    running = gateway(to(upstream.url))
    answer = running.reload(to(upstream.url, "~/(?<=a+)b"))
    assert not answer["ok"] and "routes[0].paths[0]" in answer["errors"][0] and "lookbehind" in answer["errors"][0]
    assert requests.get(running.url).text == "answer"


def test_by_signal(gateway, upstream):
    running = gateway(to(upstream.url, "/old"))
    running.write_config(to(upstream.url, "/new"))
    running.signal(signal.SIGHUP)
    running.wait_for_log("snapshot 2 published")
    assert requests.get(running.url + "/new").text == "answer"


def test_by_watching(gateway, upstream):
    running = gateway(to(upstream.url, "/old", watch=True))
    running.write_config(to(upstream.url, "/new", watch=True))
    running.wait_for_log("snapshot 2 published")
    assert requests.get(running.url + "/new").text == "answer"
    running.config_path.write_text(json.dumps({"_format_version": "3.0", "routes": 5}))
    running.wait_for_log("refused, snapshot 2 goes on")
    assert requests.get(running.url + "/new").text == "answer"


def test_by_watching_from_the_moment_on_that_it_was_read(gateway, upstream, tmp_path):
    """A plugin takes its time at the start, and the file changes meanwhile."""
    (tmp_path / "slow.py").write_text(
        "import os\nfrom fastgate import Plugin\n\nclass Slow(Plugin):\n    name = 'slow'\n    version = '1.0'\n\n"
        f"    def init(self):\n        os.replace({str(tmp_path / 'new')!r}, os.environ['CONFIG'])\n")
    old, new = (to(upstream.url, path, watch=True, plugin_path=str(tmp_path)) for path in ("/old", "/new"))
    (tmp_path / "new").write_text(json.dumps({"_format_version": "3.0"} | new))
    path = tmp_path / "fastgate.json"
    path.write_text(json.dumps({"_format_version": "3.0", "plugins": [{"name": "slow"}]} | old))
    running = gateway({}, args=("-c", str(path)), env={"CONFIG": str(path)})
    running.wait_for_log("snapshot 2 published")
    assert requests.get(running.url + "/new").text == "answer"


def test_settings_a_restart_applies(gateway, upstream):
    running = gateway(to(upstream.url))
    answer = running.reload(to(upstream.url, keepalive={"pool_size": 7}, limits={"token_cache": 9, "connections": 9}, watch=True))
    assert answer["ok"] and answer["warnings"] == ["gateway.limits.token_cache has changed: a restart applies it",
                                                   "gateway.watch has changed: a restart applies it"]


def test_a_new_name_is_known_at_the_first_request(gateway, upstream):
    """localhost is in the hosts file: known at once, here and after a reload."""
    by_name = upstream.url.replace("127.0.0.1", "localhost")
    running = gateway(to(by_name, "/start"))
    assert requests.get(running.url + "/start").text == "answer"
    assert running.reload(to(upstream.url))["ok"]
    for number in range(3):
        assert running.reload(to(by_name, f"/{number}"))["ok"]
        assert requests.get(f"{running.url}/{number}").text == "answer"


def test_no_request_is_lost(gateway):
    upstreams = [HeldUpstream(f"answer {n}") for n in range(2)]
    try:
        running = gateway(to(upstreams[0].url), workers=2)
        wrong, answered, ends = [], threading.Semaphore(0), threading.Event()

        def ask():
            with requests.Session() as session:
                while not ends.is_set():
                    try:
                        answer = session.get(running.url, timeout=60)
                        if answer.status_code != 200:
                            wrong.append(answer.status_code)
                    except requests.RequestException as error:
                        wrong.append(error)
                    answered.release()

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(30):
            for _ in range(4):
                assert answered.acquire(timeout=60)
            assert running.reload(to(upstreams[number % 2].url))["ok"]
        ends.set()
        for thread in threads:
            thread.join()
        assert not wrong
        assert requests.get(running.url).text == "answer 1"
    finally:
        for upstream in upstreams:
            upstream.close()


def test_requests_in_flight_keep_their_snapshot(gateway, upstream):
    running = gateway(to(upstream.url))
    answers = []
    held = threading.Thread(target=lambda: answers.append(requests.get(running.url + "/held", timeout=30)))
    held.start()
    assert upstream.held.acquire(timeout=60)
    assert running.reload({"routes": []})["ok"]
    assert requests.get(running.url).status_code == 404
    assert running.command("info")["snapshot"]["retired"] == 1
    upstream.release()
    held.join()
    assert answers[0].text == "answer"


def test_memory_of_many_reloads(gateway, upstream):
    """100 reloads of 5,000 routes end within 5 MB of where they started."""
    def config(mark):
        routes = [{"name": f"r{n}", "hosts": [f"h{n}.example"], "paths": [f"/api/{mark}/{n}"]} for n in range(5000)]
        return {"services": [{"name": "s", "url": upstream.url, "routes": routes}]}

    running = gateway(config(0))
    for number in range(1, 11):         # what the first reloads need stays: parser, threads, heap
        assert running.reload(config(number))["ok"]
    before = running.rss()
    for number in range(11, 111):
        assert running.reload(config(number))["ok"]
    assert requests.get(running.url + "/api/110/7", headers={"Host": "h7.example"}).status_code == 200
    assert running.rss() - before < 5_000_000
