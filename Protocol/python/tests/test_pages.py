"""The Python of the pages does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from database import Database
from service import ROOT, Service


@pytest.mark.parametrize("page", ["Protocol/README.md", "Protocol/python/README.md"])
def test_example(page: str, own: tuple[Database, Service]) -> None:
    database, service = own
    database.add_orders(1, database.add_master(7), first=1042)
    service.start()
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    command = [sys.executable, "-c", example.replace("/run/offersd/offers.sock", service.path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "Protocol/python/src")}

    def printed() -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout

    assert printed() == "1042 Тестоград\n+70000000000\n"
    assert printed() == "+70000000000\n"
    database.sql("UPDATE orders SET assigned_master_id = NULL; UPDATE offers SET state = 'DECLINED'")
    assert printed() == "OFFER_DECLINED\n"
