"""The pages say what is there: reading table, README's commands."""

import os
import re
import shlex

from tree import CORE, ROOT, core_files, functions, lines, name

ARCHITECTURE = ROOT / "docs/ARCHITECTURE.md"
README = ROOT / "README.md"


def table_rows() -> list[list[str]]:
    """The rows of the page's tables whose first cell is a file of the core, `http/parser.pyx`."""
    rows = []
    for line in ARCHITECTURE.read_text().split("\n"):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        numbered = cells[1:] if re.fullmatch(r"\d+", cells[0]) else cells       # a step number may lead
        if line.startswith("|") and re.match(r"`[^`]+\.(pyx|pxd|py)`", numbered[0]):
            rows.append(numbered)
    return rows


def test_every_core_file_is_in_the_reading_table():
    listed = {found for row in table_rows() for found in re.findall(r"`([^`]+\.(?:pyx|pxd|py))`", row[0])}
    stems = {path.removesuffix(".pxd").removesuffix(".pyx") for path in listed}
    missing = [
        name(path)
        for path in core_files(".pyx", ".pxd")
        if path.stem != "__init__" and str(path.relative_to(CORE).with_suffix("")) not in stems
    ]
    assert not missing, f"not in the reading table of {name(ARCHITECTURE)}"


def test_the_reading_table_names_only_what_exists():
    gone = []
    for row in table_rows():
        path = CORE / re.match(r"`([^`]+)`", row[0])[1]
        if not path.is_file():
            gone.append(name(path))
            continue
        defined = {function.name for each in _pair(path) for function in functions(each)}
        defined |= {word for each in _pair(path) for line in lines(each)
                    for word in re.findall(r"\b(?:def|class|struct|enum)\s+(\w+)", line.text)}
        for entry in re.findall(r"`([A-Za-z_]\w*)`", row[1] if len(row) > 1 else ""):
            if entry not in defined:
                gone.append(f"{name(path)}: {entry}")
    assert not gone, "in the reading table, but not in the tree"


def test_the_python_table_names_only_what_exists():
    """In a row, a name without a package is of the package before it."""
    table = ARCHITECTURE.read_text().partition("| module | what it is |")[2].partition("\n\n")[0]
    gone = []
    for row in table.strip().split("\n")[1:]:
        package = ""
        for found in re.findall(r"`([a-z_.]+)`", row.split("|")[1]):
            package, _, module = found.rpartition(".") if "." in found else (package, "", found)
            if not (ROOT / "src/fastgate" / package / f"{module}.py").is_file():
                gone.append(found)
    assert table and not gone


def _pair(path):
    return [each for each in (path.with_suffix(".pxd"), path.with_suffix(".pyx")) if each.exists()]


def commands() -> list[list[str]]:
    """The command lines of README's shell blocks, `$ ` and line ends with a backslash undone."""
    blocks = re.findall(r"```(?:sh|bash|console|shell)\n(.*?)```", README.read_text(), re.S)
    found = []
    for line in "\n".join(blocks).replace("\\\n", " ").split("\n"):
        for part in re.split(r"&&|;|\|", line.removeprefix("$ ").split(" #")[0]):
            if part.strip() and not part.startswith("#"):
                found.append(shlex.split(part))
    return found


def is_subcommand(word: str) -> bool:
    from fastgate.cli.main import main

    try:
        main([word, "--help"])
    except SystemExit as end:
        return end.code == 0
    return False


def test_readme_commands_exist():
    wrong = []
    assert commands()
    for words in commands():
        program, *arguments = words
        if program == "fastgate" and arguments and not arguments[0].startswith("-"):
            if not is_subcommand(arguments[0]):
                wrong.append(" ".join(words))
        path = program if "/" in program else next((word for word in arguments if word.endswith(".py")), None)
        if path and not path.startswith(("/", "http", "venv/", ".venv/", "fastgate/bin/", "~")) and program != "curl":
            if not (ROOT / path).is_file() or (path == program and not os.access(ROOT / path, os.X_OK)):
                wrong.append(" ".join(words))
    assert not wrong, "README tells to run what is not there"


def test_readme_names_the_two_commands():
    """One that installs and runs the demo, one that installs and passes all tests."""
    flat = [" ".join(words) for words in commands()]
    assert any(line.endswith("fastgate demo") for line in flat)
    assert "tests/run" in flat


def test_links_between_pages_lead_somewhere():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")]
    broken = []
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith(("http:", "https:", "mailto:")) and not (page.parent / target).exists():
                broken.append(f"{name(page)}: {target}")
    assert not broken
