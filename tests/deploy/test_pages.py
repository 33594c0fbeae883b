"""What the pages tell to type can be typed; the workflow runs what is there."""

import os
import re
import shlex
import subprocess

import pytest
from fastgate import __version__
from shipped import PAGES, ROOT, accepts, gateway_words, read_yaml, shell_lines

WORKFLOW = ROOT / ".github/workflows/ci.yml"
# Folders of the repository that pages and workflow name files in.
FOLDERS = ("deploy", "bench", "examples", "tests", "wheels", "docs")
OURS = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./-]+")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_ones_that_fastgate_takes(page):
    lines = shell_lines(page)
    wrong = [line for line in lines if (words := gateway_words(line)) is not None and not accepts(words)]
    assert lines and not wrong


def files_named(text: str) -> set[str]:
    return {name.rstrip("./") for name in OURS.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_pages_name_are_there(page):
    text = re.sub(r"\]\([^)]*\)", "", page.read_text())     # links are test_docs.py's
    assert not [name for name in files_named(text) if not (ROOT / name).exists()]


def runs() -> list[str]:
    jobs = read_yaml(WORKFLOW)["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


def test_the_workflow_runs_what_is_there():
    named = set().union(*map(files_named, runs()))
    assert "bench/against" in named and "deploy/check" in named and "tests/run" in named
    assert not [name for name in named if not (ROOT / name).exists() and not name.startswith("tests/gateway/test_")]


def test_the_workflow_calls_fastgate_as_it_is():
    lines = [line.strip() for run in runs() for line in run.replace("\\\n", " ").splitlines()]
    calls = [re.sub(r"\$arch\b", "arm64", line).replace("$form", "oci.tar") for line in lines]
    calls = [words for line in calls if "/fastgate " in line and (words := gateway_words(line)) is not None]
    assert calls and all(map(accepts, calls))


def test_the_workflow_tests_each_python_we_promise():
    promised = set(re.findall(r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text()))
    assert set(read_yaml(WORKFLOW)["jobs"]["test"]["strategy"]["matrix"]["python"]) == promised


def test_the_workflow_installs_all_that_tests_run_asks_for():
    """It is not root there, and installs nothing by itself. Python is setup-python's."""
    asked = re.findall(r'^ +need (?:"[^"]+"|\S+) (?:"([^"]+)"|(\S+)) ', (ROOT / "tests/run").read_text(), re.M)
    packages = {name for found in asked for part in found for name in part.split()}
    assert "umoci" in packages
    installed = set(read_yaml(WORKFLOW)["env"]["TEST_PACKAGES"].split())
    assert installed == {name for name in packages if not name.startswith("python3")}


def test_what_is_no_part_of_a_release_is_not_released():
    """The folders that wheels/ leaves in dist/: wheelhouses are packed, the others removed."""
    tools = "".join(path.read_text() for path in (ROOT / "wheels").glob("*.py"))
    folders = set(re.findall(r'\bDIST / f"(\w+)-', tools))
    job = "\n".join(step.get("run", "") for step in read_yaml(WORKFLOW)["jobs"]["wheels"]["steps"])
    removed = set(re.findall(r"dist/(\w+)-\*", "".join(line for line in job.splitlines() if "rm -rf" in line)))
    packed = set(re.findall(r"for \w+ in (\w+)-\*", job))
    assert packed == {"wheelhouse"} and folders <= removed | packed


def script_of(job: str, words: str) -> str:
    """What the one step does whose name has these words."""
    (step,) = [step for step in read_yaml(WORKFLOW)["jobs"][job]["steps"] if words in step.get("name", "")]
    return step["run"]


@pytest.mark.parametrize("tag, is_taken", [(f"v{__version__}", True), (f"v{__version__}1", False), (f"v1{__version__}", False),
                                           (__version__, False), ("v", False)])
def test_no_tag_is_released_that_is_not_the_version(tag, is_taken):
    ran = subprocess.run(["bash", "-eo", "pipefail", "-c", script_of("build", "tag")], cwd=ROOT, env=os.environ | {"TAG": tag}, capture_output=True, text=True)
    assert (ran.returncode == 0) is is_taken and (f"tag {tag} is not v{__version__}: " in ran.stderr) is not is_taken
    jobs = read_yaml(WORKFLOW)["jobs"]
    assert jobs["wheels"]["needs"] == "build" and "wheels" in jobs["release"]["needs"]


def test_the_sdist_is_released_and_named_in_the_checksums():
    script = script_of("wheels", "sources")
    assert 0 < script.index("setup.py -q sdist") < script.index(">SHA256SUMS")
    assert "gh release create" in script_of("release", "Attach") and "dist/*" in script_of("release", "Attach")


def test_each_environment_is_made_before_it_is_used():
    for name, job in read_yaml(WORKFLOW)["jobs"].items():
        script = "\n".join(step.get("run", "") for step in job["steps"])
        script = script.replace("tests/sanitize", "build/venv/bin/python")      # what that runs
        for folder in set(re.findall(r"\bbuild/venv[\w-]*", script)):
            assert f"-m venv {folder}\n" in script.partition(f"{folder}/")[0], f"{name}: {folder}"


def test_the_sdist_has_every_folder():
    grafted = re.findall(r"^graft (\S+)", (ROOT / "MANIFEST.in").read_text(), re.M)
    assert set(grafted) == {*FOLDERS, "src", ".ci", ".github"}


def test_a_32_bit_board_is_told_one_thing():
    lines = {line for page in ("install", "wheels") for line in shell_lines(ROOT / f"docs/{page}.md") if "wheelhouse-armv7l " in line}
    assert lines == {"fastgate/bin/pip install --no-index --find-links . --find-links wheelhouse-armv7l fastgate"}


def test_the_one_line_for_a_pi_is_the_same_everywhere():
    lines = {line for page in (ROOT / "docs/install.md", ROOT / "README.md") for line in page.read_text().splitlines()
             if line.startswith("sudo apt-get install -y python3-venv &&")}
    assert len(lines) == 1
    assert shlex.split(lines.pop())[-1] == "demo"
