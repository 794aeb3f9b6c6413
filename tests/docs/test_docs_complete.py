"""Everything that can be looked up is in the pages, and the generated parts are what they should be."""

import ast
import json
import re

import pytest
from docs_tools import COMMAND_PAGES, DOCS, PAGES, ROOT, fences_of, first_cells, name_of, nodes, write_docs

import allotment
from allotment.cli.main import main
from allotment.cli.table import COMMANDS, PROGRAMS, help_text
from allotment.cli.task_backend_worker import main as task_backend_worker
from allotment.engine.fleet import Fleet
from allotment.errors import ExitCode
from allotment.source.keys import FLEET
from allotment.source.kinds import ListOf, MappingOf, Section


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_generated_parts_of_a_page_are_up_to_date(page):
    assert page.read_text() == write_docs.written(page), "run scripts/write-docs"


def test_the_script_says_what_is_stale_and_writes_it_when_asked(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    stale = "before\n<!-- write-docs: exit-codes -->\nold\n<!-- end -->\nafter\n"
    page.write_text(stale)
    monkeypatch.setattr(write_docs, "PAGES", (page,))
    monkeypatch.setattr(write_docs, "ROOT", tmp_path)
    (tmp_path / "src").symlink_to(ROOT / "src")

    monkeypatch.setattr("sys.argv", ["write-docs", "--check"])
    assert write_docs.main() == 1
    assert page.read_text() == stale
    assert "page.md is not up to date" in capsys.readouterr().err

    monkeypatch.setattr("sys.argv", ["write-docs"])
    assert write_docs.main() == 0
    assert "| 70 | `INTERNAL` |" in page.read_text()
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("\nafter\n")

    monkeypatch.setattr("sys.argv", ["write-docs", "--check"])
    assert write_docs.main() == 0


def test_a_command_that_ends_otherwise_than_the_page_says_is_an_error(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- write-docs: run exit 3 -->\n<!-- end -->\n")
    with pytest.raises(SystemExit, match="ended with 3 and not 0"):
        write_docs.written(page)


def test_each_command_has_a_page_and_no_page_is_left_over():
    pages = {path.stem for path in COMMAND_PAGES.glob("*.md")} - {"index"}
    assert pages == {*COMMANDS, *PROGRAMS}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_on_a_page_is_what_the_command_prints(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out.rstrip()
    assert f"```text\n{shown}\n```" in (COMMAND_PAGES / f"{command}.md").read_text()


def test_the_help_on_the_page_of_a_program_is_what_it_prints(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert task_backend_worker(["--help"]) == 0
    shown = capsys.readouterr().out.rstrip()
    assert f"```text\n{shown}\n```" in (COMMAND_PAGES / "task-backend-worker.md").read_text()


def test_the_help_of_all_is_on_the_first_page():
    assert f"```text\n{help_text().rstrip()}\n```" in (COMMAND_PAGES / "index.md").read_text()


@pytest.mark.parametrize("command", [*COMMANDS, *PROGRAMS])
def test_a_command_page_gives_its_exit_codes_and_an_example(command):
    text = (COMMAND_PAGES / f"{command}.md").read_text()
    _, _, after = text.partition("\n## Exit codes\n")
    codes, found, example = after.partition("\n## Example\n")
    assert found
    assert "```" in example
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", codes, flags=re.MULTILINE)}
    assert 0 in listed
    assert listed <= {int(code) for code in ExitCode}


def test_each_exit_code_has_its_entry():
    text = (DOCS / "reference" / "exit-codes.md").read_text()
    for code in ExitCode:
        assert re.search(rf"^\| {int(code)} \| `{code.name}` \| \S.+ \|$", text, flags=re.MULTILINE), code


def _keys(section, path=()):
    for name, key in section.keys.items():
        yield (*path, name), key
        kind = key.kind
        inner = kind.kind if isinstance(kind, (MappingOf, ListOf)) else kind
        if isinstance(inner, Section):
            yield from _keys(inner, (*path, name))


@pytest.mark.parametrize(("path", "key"), [pytest.param(*found, id=".".join(found[0])) for found in _keys(FLEET)])
def test_each_key_of_the_fleet_file_has_its_entry(path, key):
    text = (DOCS / "reference" / "fleet-file.md").read_text()
    entries = re.findall(r"^#+ `([^`]+)` \{ #key-[a-z_-]+ \}\n\n(.*)$", text, flags=re.MULTILINE)
    # what stands for a name of the user's is in capitals, and [] stands for an item of a list
    about = [
        about
        for name, about in entries
        if tuple(step.removesuffix("[]") for step in name.split(".") if not step.isupper()) == path
    ]
    assert about == [key.about]


def _error_codes():
    """Collect every error code in the source: of classes, and those that problems of files are made with."""
    for node in nodes(ast.ClassDef):
        for line in node.body:
            if isinstance(line, (ast.Assign, ast.AnnAssign)) and isinstance(line.value, ast.Constant):
                target = line.targets[0] if isinstance(line, ast.Assign) else line.target
                if getattr(target, "id", None) == "code" and isinstance(line.value.value, str):
                    yield line.value.value
    places = {
        "FileProblem": 0,
        "problem": 0,
        "_problem": 0,
        "_invalid": 0,
        "_unreadable": 0,
        "Fault": 3,
        "_rejected": 2,
    }
    for node in nodes(ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", None))
        if name in places:
            given = [*node.args[places[name] : places[name] + 1]]
            given += [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            for value in given:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value


def _json_example(name):
    page = DOCS / "reference" / "json.md"
    return next(json.loads(fence.text) for fence in fences_of(page, "json") if fence.title == name)


def test_the_json_of_presets_and_pages_is_as_the_page_says(capsys):
    for arguments, key, example in (
        (["presets"], "presets", _json_example("presets.json")),
        (["docs", "rule"], "rules", _json_example("rules.json")["rules"][0]),
        (["docs", "practice"], "practices", _json_example("practices.json")["practices"][0]),
    ):
        assert main([*arguments, "--json"]) == 0
        assert example in json.loads(capsys.readouterr().out)[key]


def test_each_error_code_has_its_entry_and_no_entry_is_left_over():
    listed = first_cells((DOCS / "reference" / "errors.md").read_text())
    assert sorted(listed) == sorted(set(_error_codes()))


def test_each_environment_variable_has_its_entry_and_no_entry_is_left_over():
    read = {
        node.value
        for node in nodes(ast.Constant)
        if isinstance(node.value, str) and re.fullmatch(r"(ALLOTMENT|TASK)_[A-Z_]+", node.value)
    }
    listed = first_cells((DOCS / "reference" / "environment.md").read_text())
    assert sorted(listed) == sorted(read)


def test_each_public_name_has_its_entry():
    text = (DOCS / "reference" / "python.md").read_text()
    headings = [heading.strip("`") for heading in re.findall(r"^## (.+)$", text, flags=re.MULTILINE)]
    assert sorted(headings) == sorted(allotment.__all__)
    members = re.findall(r"^### `[Ff]leet\.(\w+)", text, flags=re.MULTILINE)
    assert sorted(members) == sorted(name for name in vars(Fleet) if not name.startswith("_"))


def test_each_setting_that_the_line_changes_is_listed():
    changed = {
        keyword.arg
        for node in nodes(ast.Call)
        if ast.unparse(node.func) == "conf.update"
        for keyword in node.keywords
        if keyword.arg
    }
    assert "worker_consumer" in changed
    text = (DOCS / "how-to" / "adopt-an-existing-app.md").read_text()
    assert [name for name in sorted(changed) if f"`{name}`" not in text] == []


def test_each_event_of_up_is_listed_with_its_keys():
    events = {}
    for node in nodes(ast.Call):
        if ast.unparse(node.func) == "self._print" and node.args and isinstance(node.args[0], ast.Constant):
            events[node.args[0].value] = {keyword.arg for keyword in node.keywords}
    text = (DOCS / "reference" / "json.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` \| [^|]+ \| (.*) \|$", text, flags=re.MULTILINE)
    assert {event: set(re.findall(r"`(\w+)`", cells)) for event, cells in rows} == events
