"""Hooks of the docs site: the repository's own pages taken in, links that hold there too.

Pages link to each other and to the repository's files as a code host shows them. In the
site a link leads to where the site has the page; what it has not (code, folders) becomes
plain text that names the path, or leads to `repo_url` where mkdocs.yml has one. A link to
what is not in the repository is a warning, so that `mkdocs build --strict` fails.
"""

import logging
import posixpath
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

log = logging.getLogger("mkdocs.hooks.docs_site")


class RepositoryLinks(Extension):
    """Rewrites the links of one page after another, before mkdocs checks them."""

    def __init__(self, root: Path, repo_url: str | None) -> None:
        super().__init__()
        self.root, self.repo_url = root, repo_url
        # Where the site has each of its files, by the path in the repository.
        self.in_site: dict[str, str] = {}
        self.page = ""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown's name
        """Run after links are parsed and before mkdocs resolves them, at 0."""
        md.treeprocessors.register(_Processor(md, self), "repository_links", 1)

    def take(self, files: Files) -> None:
        """Learn what the site holds."""
        for file in files:
            path = Path(str(file.abs_src_path))
            if path.is_relative_to(self.root):
                self.in_site[path.relative_to(self.root).as_posix()] = file.src_uri

    def resolve(self, element: Element, attribute: str) -> None:
        """Let an element's link lead to where the site has its target."""
        target = urlsplit(element.get(attribute, ""))
        if target.scheme or target.netloc or not target.path:
            return
        here = posixpath.dirname(self.page)
        path = posixpath.normpath(posixpath.join(here, unquote(target.path)))
        found = self.in_site.get(path) or self.in_site.get(f"{path}/README.md")
        if found is not None:
            source = posixpath.dirname(self.in_site[self.page]) or "."
            fragment = f"#{target.fragment}" if target.fragment else ""
            element.set(attribute, posixpath.relpath(found, source) + fragment)
        elif path.startswith("..") or not (self.root / path).exists():
            log.warning("%s links to %s, which is not in the repository", self.page, path)
        elif self.repo_url:
            element.set(attribute, f"{self.repo_url.rstrip('/')}/blob/HEAD/{path}")
        else:
            del element.attrib[attribute]
            element.tag = "span"
            element.set("title", path)


class _Processor(Treeprocessor):
    def __init__(self, md: Markdown, links: RepositoryLinks) -> None:
        super().__init__(md)
        self._links = links

    def run(self, root: Element) -> None:
        for element in list(root.iter()):
            for attribute in ("href", "src"):
                if element.get(attribute) is not None:
                    self._links.resolve(element, attribute)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the links' rewriting, and each decision to the navigation."""
    root = Path(config.config_file_path).resolve().parent
    docs = Path(config.docs_dir)
    config.markdown_extensions.append(RepositoryLinks(root, config.repo_url))
    config.nav = _with_folders(config.nav, docs)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take in the pages that stand outside of the docs' folder."""
    links = _links(config)
    for path, name in config.extra.get("taken_in", {}).items():
        files.append(File.generated(config, name, abs_src_path=str(links.root / path)))
    links.take(files)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs passes by name
    """Say whose links come next."""
    links = _links(config)
    links.page = Path(str(page.file.abs_src_path)).relative_to(links.root).as_posix()
    return markdown


def _links(config: MkDocsConfig) -> RepositoryLinks:
    (links,) = (each for each in config.markdown_extensions if isinstance(each, RepositoryLinks))
    return links


def _with_folders(nav: Any, docs: Path) -> Any:
    """Put a folder's pages where the navigation names the folder."""
    if isinstance(nav, list):
        return [_with_folders(each, docs) for each in nav]
    if isinstance(nav, dict):
        return {title: _with_folders(each, docs) for title, each in nav.items()}
    if isinstance(nav, str) and nav.endswith("/"):
        return sorted(
            PurePosixPath(path.relative_to(docs)).as_posix() for path in (docs / nav).glob("*.md")
        )
    return nav
