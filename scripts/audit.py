"""Look every locked dependency up among the known vulnerabilities, by pip-audit.

python scripts/audit.py

Exit status 1 and a line for each where there are any, 2 where the audit failed itself.
Where the package index has no advisories (a mirror, say), it says how many packages could
not be looked up.
"""

import json
import subprocess
import sys
from pathlib import Path

AUDIT = ("uv", "tool", "run", "pip-audit==2.10.1")
LOCKS = Path(__file__).parent.parent / "requirements"


def main() -> int:
    """Audit the lock files; return the exit status."""
    locks = [f"--requirement={lock}" for lock in sorted(LOCKS.glob("*.txt"))]
    options = ["--require-hashes", "--disable-pip", "--format=json", "--progress-spinner=off"]
    done = subprocess.run(  # noqa: S603 - a fixed command on the project's own files
        [str(Path(sys.executable).with_name(AUDIT[0])), *AUDIT[1:], *locks, *options],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    # Its status 1 stands for vulnerabilities and for failures alike: only a report tells.
    if not done.stdout:
        print(f"nothing was audited: pip-audit ended with status {done.returncode}")
        return 2
    packages = json.loads(done.stdout)["dependencies"]
    read = [package for package in packages if "skip_reason" not in package]
    found = [
        f"{package['name']} {package['version']}: {known['id']}, "
        f"mended in {', '.join(known['fix_versions']) or 'no release'}"
        for package in read
        for known in package["vulns"]
    ]
    for line in sorted(found):
        print(line)
    print(
        f"{len(read)} packages looked up, {len(found)} known vulnerabilities, "
        f"{len(packages) - len(read)} packages that the index has no advisories for"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
