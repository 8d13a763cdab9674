"""The build's hook: what it compiles, for which platforms, and what it says where it cannot."""

from pathlib import Path

import pytest

from hatch_build import compile_library, platform_tag

SOURCE = "int answer(void) { return 42; }\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "answer.c"
    path.write_text(SOURCE)
    return path


def test_a_wheel_names_the_oldest_system_that_its_library_runs_on() -> None:
    """With glibc: what its symbols ask for, 2.17 at least. Elsewhere: this machine's own."""
    own = ["linux_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in (39, 38, 28, 17, 5))]
    assert platform_tag(own, b"malloc GLIBC_2.2.5 memcpy GLIBC_2.14") == "manylinux_2_17_x86_64"
    assert platform_tag(own, b"memcpy GLIBC_2.14 something GLIBC_2.34") == "manylinux_2_38_x86_64"
    assert platform_tag(["macosx_14_0_arm64", "macosx_13_0_arm64"], b"") == "macosx_14_0_arm64"


def test_without_a_compiler_one_line_says_so(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names the compiler; an older library does not stay, it may be of another source."""
    library = tmp_path / "libanswer.so"
    library.write_bytes(b"older")
    monkeypatch.setenv("CC", "no-such-compiler")
    problem = compile_library(source, library)
    assert problem is not None
    assert problem.startswith("answer.c is not compiled")
    assert "no-such-compiler" in problem
    assert "\n" not in problem
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answer.c"]


def test_a_compilers_complaint_is_passed_on(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first line, where it ends with an error."""
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho 'no headers here' >&2\necho more >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    problem = compile_library(source, tmp_path / "libanswer.so")
    assert problem is not None
    assert problem.endswith(": no headers here")
