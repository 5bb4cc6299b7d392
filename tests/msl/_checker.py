"""Checks kernel texts as the Metal Shading Language 3.1, where Apple's compiler is not at hand: rules on the tokens
(_rules.py), and clang behind a <metal_stdlib> of declarations (shim/) in which device, constant and threadgroup are
address spaces. A clang process looks at many texts, each in a namespace of its own."""
import os
import re
import shutil
import subprocess
import tempfile
from collections import namedtuple
from concurrent.futures import ProcessPoolExecutor

from _names import double_regions
from _rules import Rules
from _syntax import closing, is_kernel, threadgroup_variables, tokens_of

HERE = os.path.dirname(os.path.abspath(__file__))
DIALECT = os.path.join(HERE, "..", "..", "src", "backend", "gpu", "dialect")
# As src/backend/gpu/text.cpp puts them together for Metal.
PARTS = ("metal.kl", "math_float.kl", "elementary_float.kl", "special_float.kl", "common.kl", "primitives.kl",
         "tiles_metal.kl")
AT_ONCE = 64
SHARED_BYTES = 32768
DIAGNOSTIC = re.compile(r"([^\s:][^:]*):(\d+):\d+: (error|note|fatal error): (.*)")

# definitions: what the library puts before the dialect; body: what it puts behind.
Text = namedtuple("Text", "name definitions body")
Section = namedtuple("Section", "text dialect body")  # after the preprocessor


def find_clang():
    """The newest clang there is; None where there is none."""
    for name in [f"clang-{version}" for version in range(25, 13, -1)] + ["clang"]:
        path = shutil.which(name)
        if path:
            return path
    return None


def check(texts, clang, jobs=None):
    """Errors as lines of text, by the name of the text; the dialect's are with the name "dialect"."""
    batches = [texts[i:i + AT_ONCE] for i in range(0, len(texts), AT_ONCE)]
    errors = {}
    with ProcessPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        for found in pool.map(check_batch, batches, [clang] * len(batches)):
            for name, lines in found.items():
                errors.setdefault(name, [])
                errors[name] += [line for line in lines if line not in errors[name]]
    return errors


def check_batch(texts, clang):
    errors = {}
    groups = {}
    for section in preprocess(texts, clang):
        groups.setdefault(section.dialect, []).append(section)
    for dialect, sections in groups.items():
        rules = Rules(tokens_of(dialect))
        note(errors, "dialect", rules.check())
        source = '#include <metal_stdlib>\n#line 1 "metal.kl"\n' + for_clang(dialect, rules)
        for i, section in enumerate(sections):
            body = Rules(tokens_of(section.body), rules)
            note(errors, section.text.name, body.check() + double_regions(section.text.body, section.text.name))
            # What the dialect has in its namespace, the text finds in its own.
            source += f"\nnamespace text{i} {{ namespace ng {{ using namespace ::ng; }}\n"
            source += for_clang(section.body, body) + "\n}\n"
        names = {section.text.name for section in sections}
        for name, place, message in compile_source(source, clang):
            note(errors, name if name in names else "dialect", [(place, message)])
    return errors


def note(errors, name, found):
    for place, message in found:
        errors.setdefault(name, []).append(f"{place}: {message}")


def dialect_text():
    text = ""
    for part in PARTS:
        with open(os.path.join(DIALECT, part), encoding="utf-8") as file:
            content = file.read().replace("#include <metal_stdlib>", "")
        text += f'#line 1 "{part}"\n{content}\n'
    return text


def preprocess(texts, clang):
    """One run for all: between texts, every macro is undefined again."""
    dialect = dialect_text()
    macros = re.compile(r"^\s*#\s*define\s+(\w+)", re.MULTILINE)
    of_dialect = set(macros.findall(dialect))
    source = ""
    for text in texts:
        source += f'#line 1 "{text.name}"\n{text.definitions}\n{dialect}'
        source += f'#pragma nngpu body\n#line {text.definitions.count(chr(10)) + 2} "{text.name}"\n{text.body}\n'
        source += "#pragma nngpu end\n"
        for macro in sorted(of_dialect.union(macros.findall(text.definitions), macros.findall(text.body))):
            source += f"#undef {macro}\n"
    done = run([clang, "-x", "c++", "-std=c++14", "-E", "-undef", "-nostdinc", "-D__METAL_VERSION__=310", "-"], source)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    sections = []
    for text, part in zip(texts, done.stdout.split("#pragma nngpu end")):
        before, body = part.split("#pragma nngpu body", 1)
        definitions, dialect = before.split('"metal.kl"', 1)
        if any(line and not line.startswith("#") for line in definitions.splitlines()):
            raise RuntimeError(f"{text.name}: the definitions are more than macros, but come before the dialect")
        sections.append(Section(text, dialect.split("\n", 1)[1], body))
    return sections


def compile_source(source, clang):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "texts.cpp")
        with open(path, "w", encoding="utf-8") as file:
            file.write(source)
        done = run([
            clang, "-x", "c++", "-std=c++14", "-fsyntax-only", "--target=aarch64-linux-gnu", "-ffreestanding",
            "-fno-exceptions", "-fno-rtti", "-nostdinc", "-nostdinc++", "-Wno-everything", "-Werror=c++17-extensions",
            "-Werror=c++20-extensions", "-Werror=return-type", "-ferror-limit=0", "-fno-caret-diagnostics", "-I",
            os.path.join(HERE, "shim"), path
        ])
    return [(name, f"{name}:{line}", message) for name, line, message in diagnostics(done.stderr, done.returncode)]


def diagnostics(output, status):
    """(file, line, message) of the errors, but for assignments of whole structs in another address space: Metal
    makes those by itself."""
    errors, notes = [], []

    def flush():
        other_space = [text for text in notes if "candidate" in text]
        if errors and "no viable overloaded '='" in errors[-1][2] and other_space and all(
                "'this'" in text and "address space" in text for text in other_space):
            errors.pop()

    for line in output.splitlines():
        match = DIAGNOSTIC.match(line)
        if not match:
            continue
        if match.group(3) == "note":
            notes.append(match.group(4))
            continue
        flush()
        notes = []
        errors.append((os.path.basename(match.group(1)), int(match.group(2)), match.group(4)))
    flush()
    if status < 0 or (status != 0 and not output):
        errors.append(("dialect", 0, f"clang ended with status {status}"))
    return errors


def for_clang(body, rules):
    """The text with what clang needs to take it: structs that can be copied from other address spaces, and
    references to threadgroup memory for variables in it, whose size is checked."""
    tokens = rules.tokens
    edits = []  # (start, end, replacement)
    for i, token in enumerate(tokens):
        if token.text != "struct":
            continue
        at = i + 1
        if tokens[at].text == "alignas":
            at = closing(tokens, at + 1) + 1
        brace = at + 1
        while tokens[brace].text not in ("{", ";"):
            brace += 1
        if tokens[brace].text == "{":
            edits.append((tokens[brace].end, tokens[brace].end, f" NG_COPIES({tokens[at].text}) "))
    for function in rules.functions:
        if is_kernel(function):
            edits += shared_edits(function.body)
    for start, end, text in sorted(edits, reverse=True):
        body = body[:start] + text + body[end:]
    return body


def shared_edits(body):
    edits, names = [], []
    for declared in threadgroup_variables(body):
        name_at = next((k for k, token in enumerate(declared) if token.text == "["), len(declared)) - 1
        name = declared[name_at]
        names.append(f"sizeof({name.text})")
        edits.append((declared[0].start, declared[0].end, "typedef"))
        edits.append((name.start, name.end, f"ng_type_{name.text}"))
        edits.append((declared[-1].end, declared[-1].end,
                      f"; threadgroup ng_type_{name.text}& {name.text} = *(threadgroup ng_type_{name.text}*)0"))
    if names:
        edits[-1] = edits[-1][:2] + (edits[-1][2] + f"; static_assert({' + '.join(names)} <= {SHARED_BYTES}, "
                                     f'"threadgroup memory is {SHARED_BYTES} bytes")',)
    return edits


def run(command, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)
