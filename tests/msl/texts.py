"""Every kernel text that the operations' tests have used on the simulated device (NNGPU_KERNEL_DUMP), as the Metal
Shading Language. The same rules see to it that texts of float have no double and no constant that is one, in CUDA."""
import os
import re
import sys
import time

from _checker import Text, check, find_clang

KERNELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "backend", "gpu", "kernels")
WORD = re.compile(r"\bdouble\b")
FOR_DOUBLE = re.compile(r"^\s*#\s*if HAS_DOUBLE\b.*?^\s*#\s*endif", re.M | re.S)


def read(path):
    with open(path, encoding="utf-8") as file:
        definitions, body = file.read().split("// body\n", 1)
    return Text(os.path.basename(path), definitions, body)


def define(**values):
    return "".join(f"#define {name} {value}\n" for name, value in values.items())


# Of the kernels that the operations' tests do not reach, since they are for large sizes, for a vendor's library, or
# random.
OTHERS = [("vendor", ""), ("finite_wide", define(REAL="float"))]
OTHERS += [("scatter_sorted", define(ELEMENT=element, SUM=total, RANK=2, KEY=key))
           for element, total in (("float", "float"), ("bf16", "float"), ("i64", "i64")) for key in ("i32", "i64")]
OTHERS += [("random", define(ELEMENT=element, VALUE=value, WORDS=words, DRAW=draw, ALIGNED=aligned))
           for element, value, words, draw in (
               ("i64", "i64", 2, 0), ("float", "float", 1, 1), ("f16", "float", 1, 1), ("float", "float", 1, 2),
               ("bf16", "float", 1, 2), ("i32", "i32", 1, 3), ("i64", "i64", 2, 3), ("u8", "u8", 1, 4))
           for aligned in (0, 1)]
# These are parts of other texts.
PARTS = {
    "attention_parts",
    "attention_tiles",
    "block_matrix",
    "convolution_parts",
    "lines",
    "matmul_parts",
    "philox",
    "sort",
    "sort_runs",
    "spectral_rows",
    "tile_parts",
    "top_k",
}
PART = re.compile(r'^#include "(\w+\.kl)"', re.M)


def kernel_text(name):
    """The text of kernels/<name>, with its parts."""
    with open(os.path.join(KERNELS, name), encoding="utf-8") as file:
        return PART.sub(lambda part: kernel_text(part.group(1)), file.read())


def others(texts):
    """Texts of the kernels above, and the names of kernels that are in no text at all."""
    chosen = [(name, f"#define MAX_THREADS 256\n{definitions}") for name, definitions in OTHERS]
    chosen += [("matmul_combine", text.definitions) for text in texts if text.name.startswith("matmul-")]
    found = []
    for i, (name, definitions) in enumerate(chosen):
        found.append(Text(f"{name}-{i}.kl", definitions, kernel_text(f"{name}.kl")))
    seen = {text.name.rsplit("-", 1)[0] for text in texts + found}
    return found, {name[:-3] for name in os.listdir(KERNELS) if name.endswith(".kl")} - seen - PARTS


def is_double(text):
    """Of a kernels/*.kl the definitions say so; a generated text only has what its types need."""
    generated = text.name.startswith("generated-")
    return WORD.search(text.definitions + (FOR_DOUBLE.sub("", text.body) if generated else "")) is not None


def main():
    clang, folder = find_clang(), os.environ.get("NNGPU_KERNEL_TEXTS", "")
    if clang is None:
        print("skipped: there is no clang")
        return 77
    if not os.path.isdir(folder):
        print(f"there are no texts in '{folder}'")
        return 1
    start = time.monotonic()
    texts = [read(os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if name.endswith(".kl")]
    more, missing = others(texts)
    texts += more
    checked = [text for text in texts if not is_double(text)]
    errors = check(checked, clang)
    for lines in errors.values():
        print("\n".join(lines))
    for name in missing:
        print(f"kernels/{name}.kl: in none of the texts")
    print(f"{len(checked)} texts in {time.monotonic() - start:.1f} s with {clang}, {len(errors)} refused; "
          f"{len(texts) - len(checked)} texts of double skipped: Metal has none")
    return 1 if errors or missing or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
