"""Print notebooks into one PDF: pandoc turns their texts into Typst, Typst sets the pages.

Both programs come inside Python packages, so nothing has to be installed beside them: no LaTeX, no browser.
    pip install pypandoc_binary==1.17 typst==0.14.9
"""

from __future__ import annotations

import base64
import binascii
import re
import subprocess
import tempfile
import urllib.parse
from pathlib import Path

NEEDS = "pypandoc_binary==1.17 typst==0.14.9"

MAX_TEXT = 20_000  # characters of one output that are printed
LONG_WORD = 80     # characters without a space; longer ones may be broken anywhere

# Identifiers become labels, and two notebooks may well use the same; "@name" is not meant as a citation.
MARKDOWN = "gfm+tex_math_dollars-gfm_auto_identifiers-footnotes"

SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp", "image/svg+xml": ".svg"}

# HTML between the Markdown is read instead of dropped; pictures are left for `_Printer.picture`.
FILTER = r"""
local function blocks(raw)
  if raw.format:match('html') then return pandoc.read(raw.text, 'html').blocks end
end
local function inlines(raw)
  if raw.format:match('html') then return pandoc.utils.blocks_to_inlines(blocks(raw)) end
end
local function unlinked(link)
  if link.target:sub(1, 1) == '#' then return link.content end
end
local function picture(image)
  local source = image.src:gsub('[\\"]', '\\%0'):gsub('%c', '')
  return pandoc.RawInline('typst', '#printed-picture("' .. source .. '");')
end
local function unlabelled(element)
  element.identifier = ''
  return element
end
return {
  {RawBlock = blocks, RawInline = inlines},
  {Link = unlinked, Image = picture},
  {Header = unlabelled, Span = unlabelled, Div = unlabelled, CodeBlock = unlabelled, Table = unlabelled},
}
"""

PREAMBLE = r"""
#set document(title: "Notebooks", date: none)
#set text(font: ("Libertinus Serif", "DejaVu Sans Mono"), size: 10.5pt, lang: "en")
#set par(leading: .6em)
#set heading(numbering: none)
#show heading.where(level: 1): set text(size: 17pt)
#show heading: set block(above: 1.3em, below: .8em)
#show raw: set text(font: "DejaVu Sans Mono", size: 8pt)
#show link: set text(fill: rgb("#1a4f8b"))
#show figure: set block(breakable: true)
#set table(inset: (x: .6em, y: .35em), stroke: none, fill: (_, y) => if calc.odd(y) { luma(96%) })
#let horizontalrule = line(length: 100%, stroke: .5pt + luma(70%))
#show quote.where(block: true): it => block(inset: (left: 1em, y: .3em), stroke: (left: 2pt + luma(80%)), it.body)
#let remark(words) = text(style: "italic", fill: luma(40%), words)

#let notebook(name, body) = {
  set page(
    paper: "a4", margin: (x: 2cm, y: 2.2cm),
    header: text(size: 8.5pt, fill: luma(40%), name),
    footer: align(center, context text(size: 8.5pt, fill: luma(40%), counter(page).display("1 / 1", both: true))),
  )
  body
}
#let code(count, source) = block(above: 1.1em, below: .7em, {
  block(sticky: true, below: .5em, text(size: 7pt, fill: luma(45%), "In [" + count + "]:"))
  block(width: 100%, inset: 6pt, radius: 2pt, fill: luma(96.5%), stroke: .5pt + luma(85%), raw(source, lang: "python", block: true))
})
#let printed(words, fill: none) = block(width: 100%, inset: (x: 6pt, y: 3pt), fill: fill, raw(words, block: true))
#let trouble(words) = printed(words, fill: rgb("#fdecec"))
#let rich(body) = block(inset: (x: 6pt, y: 3pt), layout(space => {
  // Whatever is too wide for the page gets smaller letters, down to what can still be read.
  let natural = measure(text(size: 9pt, body)).width
  set text(size: 9pt * calc.clamp(space.width / calc.max(natural, 1pt), .4, 1))
  body
}))
#let picture(file) = layout(space => {
  let natural = measure(image(file))
  image(file, width: natural.width * calc.min(1, space.width / natural.width, 21cm / natural.height))
})
"""


def notebooks_to_pdf(notebooks: dict[str, list[dict]], root: Path) -> bytes:
    """Print notebooks one after the other, each from a new page on, with its name above and the page number below.

    notebooks: name -> cells as the file holds them (nbformat 4), in the order of printing.
    root: the folder in which pictures that texts refer to are looked up.
    Returns the PDF. What cannot be set (a broken picture, a formula that is none) is printed as words.
    Raises ImportError when pypandoc_binary or typst is not installed, OSError when pandoc cannot be started.
    """
    import typst

    with tempfile.TemporaryDirectory() as scratch:
        printer = _Printer(root, Path(scratch))
        pieces = []
        for name, cells in notebooks.items():
            pieces.append((f"#show: notebook.with({_string(name)})\n#heading(level: 1, {_string(name)})", ""))
            for cell in cells:
                pieces += printer.cell(cell)
        try:
            return printer.compiled("\n\n".join(meant for meant, _ in pieces))
        except typst.TypstError:
            # Among the pieces is one that Typst does not take: try each, and print that one as it is.
            return printer.compiled("\n\n".join(map(printer.sound, pieces)))


# A part of the document: the markup as it is meant, and what takes its place when Typst refuses it ("" where it cannot).
Piece = tuple[str, str]


class _Printer:
    """Turns cells into pieces; keeps their pictures in a folder for Typst."""

    def __init__(self, root: Path, scratch: Path) -> None:
        import pypandoc
        import typst

        self.fonts = typst.Fonts()
        self.pandoc = pypandoc.get_pandoc_path()
        self.root = root.resolve()
        self.scratch = scratch
        self.filter = scratch / "filter.lua"
        self.filter.write_text(FILTER, encoding="utf-8")
        self.pictures = 0

    def cell(self, cell: dict) -> list[Piece]:
        source = text_of(cell.get("source"))
        if not source.strip():
            return []
        if cell.get("cell_type") == "markdown":
            attachments = cell.get("attachments")
            return [self.prose(_with_math(source), MARKDOWN, attachments if isinstance(attachments, dict) else {})]
        if cell.get("cell_type") != "code":
            return _printed(source, "printed")
        count = cell.get("execution_count")
        pieces = [(f"#code({_string(str(count) if isinstance(count, int) else ' ')}, {_string(_breakable(source))})", "")]
        for output in joined_streams(cell.get("outputs")):
            pieces += self.output(output)
        return pieces

    def output(self, output: dict) -> list[Piece]:
        kind = output.get("output_type")
        if kind == "stream":
            words = "trouble" if output.get("name") == "stderr" else "printed"
            return _printed(text_of(output.get("text")), words)
        if kind == "error":
            trace = output.get("traceback")
            lines = [line for line in trace if isinstance(line, str)] if isinstance(trace, list) else []
            return _printed("\n".join(lines) or f"{output.get('ename')}: {output.get('evalue')}", "trouble")
        data = output.get("data")
        data = data if isinstance(data, dict) else {}
        for mime in SUFFIXES:
            if mime in data:
                return [(self.picture(data[mime], mime), "")]
        for mime, form in (("text/html", "html"), ("text/markdown", MARKDOWN), ("text/latex", MARKDOWN)):
            if mime in data:
                source = text_of(data[mime])
                words = text_of(data.get("text/plain")) or source
                piece = self.prose(source if form == "html" else _with_math(source), form, {}, words)
                if piece[0]:
                    return [(f"#rich[\n{piece[0]}\n]", piece[1])]
        return _printed(text_of(data.get("text/plain")), "printed")

    def prose(self, source: str, form: str, attachments: dict, words: str = "") -> Piece:
        """Markdown or HTML as Typst markup, and as the text it was (or `words`)."""
        plain = "\n".join(meant for meant, _ in _printed(words or source, "printed"))
        options = [f"--from={form}", "--to=typst", "--wrap=none", "--shift-heading-level-by=1", f"--lua-filter={self.filter}"]
        try:
            done = subprocess.run(
                [self.pandoc, *options], input=_printable(source).encode(), capture_output=True, check=True, timeout=60
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return plain, ""
        return re.sub(
            r'#printed-picture\("((?:[^"\\]|\\.)*)"\);?',
            lambda found: self.linked(re.sub(r"\\(.)", r"\1", found[1]), attachments) + ";",
            done.stdout.decode(),
        ).strip(), plain

    def linked(self, source: str, attachments: dict) -> str:
        """A picture that a text refers to: attached to its cell, inside the address, or a file of the assignment."""
        remark = f"#remark({_string(f'[the picture {source[:80]} is not in this folder]')})"
        if source.startswith("attachment:"):
            bundle = attachments.get(urllib.parse.unquote(source.removeprefix("attachment:")))
            for mime in SUFFIXES:
                if isinstance(bundle, dict) and mime in bundle:
                    return self.picture(bundle[mime], mime)
            return remark
        inside = re.match(r"data:(image/[a-z+]+);base64,", source)
        if inside:
            return self.picture(source[inside.end() :], inside[1])
        try:
            file = (self.root / urllib.parse.unquote(source)).resolve()
            if not file.is_relative_to(self.root) or not file.is_file():
                return remark
            return self.keep(file.read_bytes(), file.suffix.lower())
        except (OSError, ValueError):  # a name that no file can have
            return remark

    def picture(self, content: object, mime: str) -> str:
        """A picture of an output: base64, or SVG as it is."""
        words = text_of(content)
        if mime == "image/svg+xml" and "<" in words:
            return self.keep(words.encode("utf-8", "replace"), ".svg")
        try:
            return self.keep(base64.b64decode(words), SUFFIXES.get(mime, ".png"))
        except (binascii.Error, ValueError):
            return UNREADABLE

    def keep(self, data: bytes, suffix: str) -> str:
        """Write a picture down and have Typst try it, so that no broken one spoils the whole document."""
        self.pictures += 1
        name = f"picture-{self.pictures}{suffix}"
        (self.scratch / name).write_bytes(data)
        shown = f"#picture({_string(name)})"
        return shown if self.can_be_set(shown) else UNREADABLE

    def sound(self, piece: Piece) -> str:
        meant, plain = piece
        return meant if not plain or self.can_be_set(meant) else plain

    def can_be_set(self, markup: str) -> bool:
        import typst

        try:
            self.compiled(markup)
        except typst.TypstError:
            return False
        return True

    def compiled(self, markup: str) -> bytes:
        import typst

        return typst.compile((PREAMBLE + markup).encode(), root=str(self.scratch), font_paths=self.fonts)


UNREADABLE = '#remark("[a picture is here that cannot be read]")'


def text_of(value: object) -> str:
    """A text of a notebook: one string, or a list of them; anything else is no text."""
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def joined_streams(outputs: object) -> list[dict]:
    """The outputs of a cell; what was printed piece by piece becomes one text again."""
    joined: list[dict] = []
    for output in outputs if isinstance(outputs, list) else []:
        if not isinstance(output, dict):
            continue
        last = joined[-1] if joined else {}
        if output.get("output_type") == last.get("output_type") == "stream" and output.get("name") == last.get("name"):
            joined[-1] = {**last, "text": text_of(last.get("text")) + text_of(output.get("text"))}
        else:
            joined.append(output)
    return joined


def _with_math(source: str) -> str:
    r"""Formulas as pandoc wants them: `\begin{align}` between dollars, `$ x $` without the spaces."""
    parts = re.split(r"(```.*?(?:```|\Z)|`[^`\n]*`|\$\$.*?\$\$|(?<!\\)\$[^$\n]*[^$\n\\]\$)", source, flags=re.DOTALL)
    for place, part in enumerate(parts):
        if place % 2 == 0:
            parts[place] = re.sub(
                r"\\begin\{((?:align|equation|gather|eqnarray|multline)\*?)\}(.*?)\\end\{\1\}",
                lambda found: f"$${found[2].strip() if found[1].startswith('equation') else found[0]}$$",
                part,
                flags=re.DOTALL,
            )
        elif re.match(r"\$[ \t]", part):
            parts[place] = f"${part[1:-1].strip()}$"
    return "".join(parts)


def _printed(words: str, function: str) -> list[Piece]:
    words = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", words)  # colours of terminals
    words = re.sub(r"[^\n]*\r(?!\n)", "", words.rstrip("\r"))  # a line written over, as progress bars are
    words = words.strip("\n")
    if len(words) > MAX_TEXT:
        words = words[:MAX_TEXT] + f"\n… and {len(words) - MAX_TEXT:,} more characters"
    return [(f"#{function}({_string(_breakable(words))})", "")] if words.strip() else []


def _breakable(text: str) -> str:
    """Text whose longest words may be broken between any two characters."""
    return re.sub(rf"\S{{{LONG_WORD},}}", lambda found: "\u200b".join(found[0]), text)


def _printable(text: str) -> str:
    """Text without control characters and without halves of characters, which no PDF can hold."""
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text.replace("\r\n", "\n"))
    return text.encode("utf-8", "replace").decode("utf-8")


def _string(text: str) -> str:
    """A literal of Typst."""
    return '"' + _printable(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
