"""Write Grafana's dashboards from the pages listed here; `--check` compares.

python -m scripts.dashboards [--check]

Each panel says in its description what to do when it looks wrong. Expressions filter by
the variable `instance`; where classes are shown, by `class`.
"""

import sys
from pathlib import Path

from scripts.dashboards import encoder, gallery, ingest, qdrant, search
from scripts.dashboards.grafana import build

FOLDER = Path(__file__).parent.parent.parent / "deploy" / "grafana" / "dashboards"
PAGES = (search.PAGE, gallery.PAGE, encoder.PAGE, ingest.PAGE, qdrant.PAGE)


def main() -> None:
    """Write the dashboards, or end with status 1 if they are not what is listed here."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for page in PAGES:
        path = FOLDER / f"{page.name}.json"
        text = build(page)
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path} is not what is listed: run python -m scripts.dashboards")


if __name__ == "__main__":
    main()
