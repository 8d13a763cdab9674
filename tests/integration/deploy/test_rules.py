"""The alerting rules over made-up series, which takes promtool seconds."""

import shutil
import subprocess

import pytest

from tests.deployment import ROOT


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing")
def test_rules_do_what_their_tests_say() -> None:
    """`promtool test rules` passes: alerts fire when they should and not before."""
    tests = sorted((ROOT / "deploy" / "prometheus" / "tests").glob("*.yml"))
    assert tests
    done = subprocess.run(
        ["promtool", "test", "rules", *map(str, tests)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
