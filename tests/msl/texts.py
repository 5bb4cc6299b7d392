"""Every kernel text that the operations' tests have used on the simulated device (NNGPU_KERNEL_DUMP), as the Metal
Shading Language. The same rules see to it that texts of float have no double and no constant that is one, in CUDA."""
import os
import re
import sys
import time

from _checker import Text, check, find_clang

WORD = re.compile(r"\bdouble\b")
FOR_DOUBLE = re.compile(r"^\s*#\s*if HAS_DOUBLE\b.*?^\s*#\s*endif", re.M | re.S)


def read(path):
    with open(path, encoding="utf-8") as file:
        definitions, body = file.read().split("// body\n", 1)
    return Text(os.path.basename(path), definitions, body)


def is_double(text):
    """Of a kernels/*.kl the definitions say so; a generated text only has what its types need."""
    generated = text.name.startswith("generated-")
    return WORD.search(FOR_DOUBLE.sub("", text.body) if generated else text.definitions) is not None


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
    checked = [text for text in texts if not is_double(text)]
    errors = check(checked, clang)
    for lines in errors.values():
        print("\n".join(lines))
    print(f"{len(checked)} texts in {time.monotonic() - start:.1f} s with {clang}, {len(errors)} refused; "
          f"{len(texts) - len(checked)} texts of double skipped: Metal has none")
    return 1 if errors or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
