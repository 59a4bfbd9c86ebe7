"""systemd/going-live.md: its diffs and its lines for the bot. Tests/Boot runs those that need systemd."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from bot import Telegram
from database import Database
from old_code import ACCEPTED
from service import ROOT, Service

from offersd.screens.adapter import RESTARTING

PAGE = (ROOT / "systemd/going-live.md").read_text()
OLD_BOT = Path(__file__).parent / "old_bot"
# It runs in place of docker compose what a container would run.
DOCKER = """#!/bin/sh
while [ "$1" != master-bot ]; do shift; done; shift; exec "$@"
"""
_numbers = itertools.count()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def line(start: str) -> str:
    """The block of commands that begins so."""
    (found,) = [block for block in blocks("sh") if block.startswith(start)]
    return found


@pytest.fixture
def bot_folder(tmp_path: Path) -> Path:
    """The bot after the diffs."""
    shutil.copytree(OLD_BOT, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for tool in (["git", "apply"], ["patch", "-p1", "--dry-run", "-R"]):
        subprocess.run(tool, input="".join(blocks("diff")), text=True, cwd=tmp_path, check=True)
    return tmp_path


class PatchedBot(Telegram):
    """The program that is in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        handlers = folder / "field_service/bots/master_bot/handlers"
        name = f"handlers_{next(_numbers)}"
        spec = importlib.util.spec_from_file_location(
            name, handlers / "__init__.py", submodule_search_locations=[str(handlers)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.dispatcher.include_router(module.router)

    async def toast(self, master: int, data: str) -> str | None:
        return self.api.answer_to(await self.tap(master, data))


def test_the_socket_is_the_switch(
    bot_folder: Path,
    own: tuple[Database, Service],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    database, service = own
    master = database.add_master(1)
    first, second = database.add_orders(2, master)
    monkeypatch.setenv("OFFERSD_SOCKET", service.path)
    monkeypatch.setenv("OFFERSD_FALLBACK", "1")
    bot = PatchedBot(bot_folder)

    async def walk() -> None:
        with caplog.at_level(logging.WARNING, "offersd"):
            assert await bot.toast(master, f"m:new:acc:{first}:1") == f"old accept by {master}"
        (shown,) = re.findall(r"    (offersd is unreachable, .*)", PAGE)
        assert caplog.messages == [shown.replace("/run/offersd/offers.sock", service.path)]
        await asyncio.to_thread(service.start)
        assert await bot.toast(master, f"m:new:acc:{first}:1") == ACCEPTED
        assert bot.api.screens == [f"the bot's card of {first}"]
        assert await bot.toast(master, "m:new") == ""
        assert bot.api.buttons()[-1] == "m:menu"
        assert await bot.toast(master, "m:act") == "active"
        await asyncio.to_thread(service.stop)
        assert await bot.toast(master, "m:new") == f"old list of {master}"
        await asyncio.to_thread(service.start)
        assert await bot.toast(master, f"m:new:acc:{second}:1") == ACCEPTED

    asyncio.run(walk())
    assert database.assigned() == {first: master, second: master}


def test_without_the_variables(bot_folder: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OFFERSD_SOCKET", raising=False)
    assert asyncio.run(PatchedBot(bot_folder).toast(1, "m:new")) == "old list of 1"
    monkeypatch.setenv("OFFERSD_SOCKET", f"{folder}/none.sock")
    monkeypatch.delenv("OFFERSD_FALLBACK", raising=False)
    assert asyncio.run(PatchedBot(bot_folder).toast(1, "m:new")) == RESTARTING


def test_compose(bot_folder: Path) -> None:
    compose = (bot_folder / "docker-compose.yml").read_text()
    (path,) = re.findall(r"OFFERSD_SOCKET: (.*)", compose)
    assert f"      - {os.path.dirname(path)}:{os.path.dirname(path)}:ro\n" in compose
    assert '    group_add:\n      - "${OFFERS_BOT_GID}"\n' in compose


# Root without the right to open what its mode forbids; for others that is always so.
PLAIN = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def run(
    command: str, folder: Path, path: str, *, prefix: list[str] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a line of the page; `path` stands in place of its socket's."""
    programs = folder / "programs"
    if not programs.exists():
        programs.mkdir()
        (programs / "docker").write_text(DOCKER)
        (programs / "docker").chmod(0o755)
    search = f"{programs}:{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    return subprocess.run(
        [*(prefix or []), "/bin/sh", "-euc", command.replace("/run/offersd/offers.sock", path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PATH": search, "PYTHONPATH": str(ROOT / "Protocol/python/src"), **environment},
    )


def test_the_wheel_is_one_file_with_all_of_it(tmp_path: Path) -> None:
    # What it is made of, away from the sources: a build leaves files behind.
    source = tmp_path / "source"
    shutil.copytree(
        ROOT / "Protocol/python", source, ignore=shutil.ignore_patterns(".*", "__pycache__", "tests", "build")
    )
    made = run("pip wheel -q --no-deps --wheel-dir share ./source", tmp_path, "")
    assert made.returncode == 0, made.stderr
    copied = run(line("install").replace("/usr/share/offersd", "share"), tmp_path, "")
    assert copied.returncode == 0, copied.stderr
    (wheel,) = (tmp_path / "wheels").glob("offersd-*.whl")
    assert len(list((tmp_path / "wheels").iterdir())) == 1
    sources = {str(path.relative_to(source / "src")) for path in (source / "src").rglob("*.py")}
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert sources | {"offersd/py.typed"} <= packed


def test_the_lists_are_compared(own: tuple[Database, Service], tmp_path: Path) -> None:
    database, service = own
    command = line("docker compose run")
    away = run(command, tmp_path, service.path, DATABASE_URL=database.uri)
    assert (away.returncode, away.stdout) == (3, "")
    service.start()
    database.add_orders(2, database.add_master(1))
    compared = run(command, tmp_path, service.path, DATABASE_URL=database.uri)
    assert (compared.returncode, compared.stdout.splitlines()[-1]) == (0, "0 not explained")


def test_how_to_tell_why_it_looks_unreachable(tmp_path: Path) -> None:
    command = line("docker compose exec")
    explained = re.findall(r"^\| `([^`]*)`", PAGE.split("## It looks unreachable")[1], re.MULTILINE)
    path = str(tmp_path / "x.sock")

    def said() -> str:
        answer = run(command, tmp_path, path, prefix=PLAIN)
        return (answer.stdout + answer.stderr).splitlines()[-1]

    seen = [said()]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        seen.append(said())
        listener.listen()
        seen.append(said())
        os.chmod(path, 0)
        seen.append(said())
    found = {next(words for words in explained if text.endswith(words)) for text in seen}
    assert found == {"No such file or directory", "Connection refused", "nothing answers there", "Permission denied"}


def test_what_is_said_where_it_is_reached(shared: tuple[Database, Service], tmp_path: Path) -> None:
    answer = run(line("docker compose exec"), tmp_path, shared[1].path)
    assert answer.stdout == "ok\n", answer.stderr
