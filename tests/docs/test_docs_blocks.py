"""The fenced blocks of the pages are true: files pass, programs compile, commands exist."""

import json
import re

import click
import pytest
import yaml
from docs_tools import PAGES, ROOT, fences_of, name_of, prose_of, shell_commands, write_docs

from allotment.cli.group import allot, program_command
from allotment.cli.main import main
from allotment.cli.table import COMMANDS, PROGRAMS
from allotment.source.keys import FLEET
from allotment.source.kinds import Rejected
from allotment.source.yaml_text import read_document

ENVIRONMENT = {"BROKER_URL": "redis://broker/0", "RESULT_URL": "redis://broker/1"}


def _with(language):
    return [page for page in PAGES if fences_of(page, language)]


def _check(path, capsys):
    """Run `allot check` and give its exit code, the codes of errors and the rules that found something."""
    code = main(["check", "--fleet", str(path), "--json"])
    document = json.loads(capsys.readouterr().out)
    errors = {error["code"] for error in document.get("errors", [])}
    return code, errors | {finding["rule"] for finding in document.get("findings", [])}


@pytest.mark.parametrize("page", _with("yaml"), ids=name_of)
def test_the_fleet_files_of_a_page_pass_or_fail_as_it_says(page, tmp_path, monkeypatch, capsys):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    text = page.read_text()
    folder = write_docs.PageFolder(tmp_path)
    folder.begin(text)
    for fence in write_docs.fences(text):
        folder.write(fence)
        if fence.language != "yaml":
            continue
        path = tmp_path / (fence.title or "untitled.yaml")
        path.write_text(fence.text)
        if fence.remark == "part":
            _check_part(fence)
        elif fence.remark == "workflow":
            _check_workflow(fence)
        elif fence.remark == "containers":
            _check_containers(fence)
        elif fence.remark and fence.remark.startswith("fails: "):
            code, found = _check(path, capsys)
            assert code != 0, f"line {fence.line}"
            assert found == set(fence.remark.removeprefix("fails: ").split(", ")), f"line {fence.line}"
        else:
            assert fence.remark is None, f"line {fence.line}: what does {fence.remark!r} mean?"
            assert _check(path, capsys) == (0, set()), f"line {fence.line}"


def _check_part(fence):
    document = read_document(fence.text, "part", ENVIRONMENT)
    try:
        FLEET.read(document.root)
    except Rejected as error:
        others = [fault for fault in error.faults if (fault.code, fault.path) != ("missing-key", ())]
        assert others == [], f"line {fence.line}"


def _check_workflow(fence):
    """Look at a workflow of GitHub's: the commands of Allotment in it exist."""
    steps = [step for job in yaml.safe_load(fence.text)["jobs"].values() for step in job["steps"]]
    calls = [words for step in steps for words in shell_commands(step.get("run", "")) if words[0] == "allot"]
    assert calls, f"line {fence.line}"
    for words in calls:
        _check_call(words[1:], f"line {fence.line}: {' '.join(words)}")


def _check_containers(fence):
    """Look at a file of Kubernetes or Compose: the commands of Allotment in it exist."""
    calls = [words for words in _lists(yaml.safe_load(fence.text)) if "allot" in words]
    assert calls, f"line {fence.line}"
    for words in calls:
        _check_call(words[words.index("allot") + 1 :], f"line {fence.line}: {words}")


def _lists(value):
    if isinstance(value, list):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _lists(inner)


@pytest.mark.parametrize("page", _with("python"), ids=name_of)
def test_the_programs_of_a_page_compile(page):
    for fence in fences_of(page, "python"):
        compile(fence.text, f"{name_of(page)}, line {fence.line}", "exec")


@pytest.mark.parametrize("page", _with("json"), ids=name_of)
def test_the_json_of_a_page_can_be_read(page):
    for fence in fences_of(page, "json"):
        for text in fence.text.splitlines() if fence.title == "up.json" else [fence.text]:
            json.loads(text)


@pytest.mark.parametrize("page", _with("console"), ids=name_of)
def test_the_commands_of_a_page_exist(page):
    for fence in fences_of(page, "console"):
        for words in shell_commands(fence.text):
            where = f"line {fence.line}: {' '.join(words)}"
            if "allot" in words[:4] and words[0] in {"allot", "celery"}:
                _check_call(words[words.index("allot") + 1 :], where)
            elif words[0] in PROGRAMS:
                _check_options(program_command(words[0]), words, where)
            elif words[0] == "make":
                assert re.search(rf"^{words[1]}:.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE), where
            else:
                assert words[0].removeprefix(".venv/bin/") in {"pip", "python", "celery", "head"}, where


def _check_call(words, where):
    if words in (["--version"], ["--help"]):
        return
    assert words[0] in COMMANDS, where
    _check_options(allot.get_command(click.Context(allot), words[0]), words, where)


def _check_options(command, words, where):
    try:
        command.make_context(words[0], words[1:])
    except click.UsageError as error:
        pytest.fail(f"{where}: {error.message}")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_the_text_of_a_page_exist(page):
    for span in re.findall(r"`allot ([^`]+)`", prose_of(page)):
        name, *rest = span.split()
        if name in {"--version", "--help", "…", "[COMMAND]"}:
            continue
        assert name in COMMANDS, span
        command = allot.get_command(click.Context(allot), name)
        options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert [word for word in rest if word.startswith("-") and word not in options] == [], span


def test_a_yaml_block_is_never_taken_for_something_else():
    """A block whose language is misspelt would not be checked by anything."""
    known = {"console", "text", "yaml", "python", "json", "mermaid", "ini", "dockerfile"}
    for page in PAGES:
        for fence in write_docs.fences(page.read_text()):
            assert fence.language in known, f"{name_of(page)}, line {fence.line}"


def test_the_schema_accepts_the_file_that_names_it():
    import jsonschema

    from allotment.source.keys import json_schema

    page = ROOT / "docs" / "how-to" / "editor.md"
    text = fences_of(page, "yaml")[0].text
    assert text.startswith("# yaml-language-server: $schema=fleet.schema.json\n")
    jsonschema.validate(yaml.safe_load(text), json_schema())
