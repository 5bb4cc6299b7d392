"""What the names in a text are: types, calls, values that differ between threads; and its parts for double."""
import re

from _syntax import Function, after_angles, closing, declarations, tokens_of


def varying_names(body):
    """The names of values that differ between a block's threads."""
    names = {"tid", "lane", "warp"}
    while True:
        more = set()
        for i in range(1, len(body) - 1):
            if body[i].text != "=" or body[i - 1].kind != "word":
                continue
            depth = 0
            for before, token in zip(body[i:], body[i + 1:]):
                depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
                if token.text == ";" or depth < 0 or (token.text == "," and depth == 0):
                    break
                if token.text in names and before.text != ".":  # x is no bid.x
                    more.add(body[i - 1].text)
        if more <= names:
            return names
        names |= more


def types_of(tokens):
    """The names that a text makes types."""
    found = set()
    for i, token in enumerate(tokens):
        if token.text in ("struct", "class", "typename", "enum") and i + 1 < len(tokens):
            at = i + 1
            if tokens[at].text == "alignas":
                at = closing(tokens, at + 1) + 1
            if at < len(tokens) and tokens[at].kind == "word":
                found.add(tokens[at].text)
        elif token.text == "typedef":
            end = i
            while end + 1 < len(tokens) and tokens[end + 1].text != ";":
                end += 1
            words = [inner.text for inner in tokens[i:end + 1] if inner.kind == "word"]
            found.add(words[-1])
    return found


def calls_in(body):
    """(name, number of arguments) of what looks like a call; Metal's own functions are none."""
    found = set()
    for i, token in enumerate(body):
        if token.kind != "word" or i + 1 >= len(body):
            continue
        at = i + 1
        if body[at].text == "<":
            end = after_angles(body, at)
            if any(inner.kind == "sign" and inner.text not in "<>,*" for inner in body[at:end]) or end >= len(body):
                continue
            at = end
        if body[at].text != "(" or (i > 1 and body[i - 1].text == "::" and body[i - 2].text in ("metal", "precise")):
            continue
        arguments = body[at + 1:closing(body, at)]
        found.add((token.text, count_arguments(arguments)))
    return found


def count_arguments(arguments):
    """Of a call, where < and > compare."""
    count, depth = 1 if arguments else 0, 0
    for token in arguments:
        depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
        count += token.text == "," and depth == 0
    return count


DOUBLE_REGION = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b(.*)$")


def double_regions(text, name=""):
    """Errors of `#if HAS_DOUBLE`, which only holds functions of double arguments: then what a text of float runs has
    no double in it."""
    errors, stack, region, depth = [], [], [], 0
    for number, line in enumerate(text.splitlines(), 1):
        directive = DOUBLE_REGION.match(line)
        inside = any(entry == "HAS_DOUBLE" for entry, _ in stack)
        if directive and directive.group(1).startswith("if"):
            condition = directive.group(2).strip()
            if condition == "HAS_DOUBLE" and depth > 0:
                errors.append((f"{name}:{number}", "#if HAS_DOUBLE within a function"))
            stack.append((condition, number))
            region = region if inside else []
        elif directive and stack:
            if stack[-1][0] == "HAS_DOUBLE":
                errors += check_region(region, f"{name}:{stack[-1][1]}")
            condition, begin = stack.pop()
            if directive.group(1) != "endif":
                stack.append(("", number))
        else:
            code = re.sub(r"//.*", "", line)
            depth += code.count("{") - code.count("}")
            if inside:
                region.append(code)
    return errors


def check_region(lines, place):
    errors = []
    for item in declarations(tokens_of("\n".join(line for line in lines if not line.lstrip().startswith("#")))):
        doubles = isinstance(item, Function) and any(
            token.text == "double" for parameter in item.parameters for token in parameter)
        if not doubles:
            errors.append((place, "#if HAS_DOUBLE around more than functions of double arguments"))
    return errors
