"""Tokens and declarations of a kernel text after the preprocessor."""
import re
from collections import namedtuple

TOKEN = re.compile(r"""
    (?P<marker>^[ \t]*\#[^\n]*)
  | (?P<space>\s+)
  | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
  | (?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<sign>::|->|<<=|>>=|>=|<=|==|!=|&&|\|\||[-+*/%&|^]=|\+\+|--|.)
""", re.MULTILINE | re.VERBOSE)
MARKER = re.compile(r'#\s*(?:line)?\s*(\d+)\s+"([^"]*)"')

Token = namedtuple("Token", "kind text place start end")
Function = namedtuple("Function", "name head parameters body place")
Variable = namedtuple("Variable", "tokens place")

OPEN, CLOSE = "([{", ")]}"


def tokens_of(text):
    """The tokens, with the places (file:line) that the preprocessor's markers say."""
    tokens, file, line, at = [], "", 1, 0
    for match in TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        if match.lastgroup == "marker":
            marker = MARKER.match(match.group().strip())
            if marker:
                line, file = int(marker.group(1)) - 1, marker.group(2)  # of the line that follows
        elif match.lastgroup != "space":
            tokens.append(Token(match.lastgroup, match.group(), f"{file}:{line}", match.start(), match.end()))
    return tokens


def closing(tokens, at):
    """The index of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(tokens)):
        if tokens[i].text in OPEN and tokens[i].kind == "sign":
            depth += 1
        elif tokens[i].text in CLOSE and tokens[i].kind == "sign":
            depth -= 1
            if depth == 0:
                return i
    return len(tokens) - 1


def opening(tokens, at):
    """The index of the bracket that the one at `at` closes."""
    depth = 0
    for i in range(at, -1, -1):
        if tokens[i].text in CLOSE and tokens[i].kind == "sign":
            depth += 1
        elif tokens[i].text in OPEN and tokens[i].kind == "sign":
            depth -= 1
            if depth == 0:
                return i
    return 0


def after_angles(tokens, at):
    """The index behind the template arguments or parameters that open at `at`."""
    depth = 0
    for i in range(at, len(tokens)):
        depth += (tokens[i].text == "<") - (tokens[i].text == ">")
        if depth == 0:
            return i + 1
    return len(tokens)


def before_angles(tokens, at):
    """The index before the template arguments that close at `at`."""
    depth = 0
    for i in range(at, -1, -1):
        depth += (tokens[i].text == ">") - (tokens[i].text == "<")
        if depth == 0:
            return i - 1
    return -1


def split(tokens):
    """The parts between the commas outside of brackets."""
    parts, part, depth = [], [], 0
    for token in tokens:
        depth += (token.text in ("(", "[", "{", "<")) - (token.text in (")", "]", "}", ">"))
        if token.text == "," and depth == 0:
            parts.append(part)
            part = []
        else:
            part.append(token)
    return parts + [part] if part else parts


def declarations(tokens, inside_struct=False):
    """Functions with bodies, and variables at namespace scope."""
    found, at = [], 0
    while at < len(tokens):
        begin, at = at, statement_end(tokens, at)
        item = tokens[begin:at + 1]
        words = {token.text for token in item}
        if not item or at >= len(tokens):
            break
        head = without_template(item)
        first = head[0].text if head else ";"
        if tokens[at].text == "{":
            end = closing(tokens, at)
            inner = tokens[at + 1:end]
            if first == "namespace":
                found += declarations(inner)
            elif first in ("struct", "class", "union"):
                found += declarations(inner, inside_struct=True)
            elif parameters_at(head) is not None:
                found.append(function_of(head, inner))
            elif first != "enum" and not inside_struct:
                found.append(Variable(head, head[0].place))
            at = end
        elif (not inside_struct and first not in (";", "typedef", "using", "struct", "class", "static_assert")
              and parameters_at(head) is None and "operator" not in words):
            found.append(Variable(head, head[0].place))
        at += 1
    return found


def statement_end(tokens, at):
    """The `;` that ends the declaration at `at`, or the `{` that opens its body."""
    while at < len(tokens) and tokens[at].text not in (";", "{"):
        at = closing(tokens, at) + 1 if tokens[at].text in ("(", "[") else at + 1
    return at


def without_template(item):
    while len(item) > 1 and item[0].text == "template" and item[1].text == "<":
        item = item[after_angles(item, 1):]
    return item


def parameters_at(head):
    """The index of the parenthesis that opens a function's parameters; None for what is no function."""
    for i, token in enumerate(head):
        if token.text == "=":
            return None
        if token.text == "(" and i > 0 and head[i - 1].kind == "word" and not in_attribute(head, i):
            return i
    return None


def in_attribute(head, at):
    depth = 0
    for token in head[:at]:
        depth += (token.text == "[") - (token.text == "]")
    if depth > 0:
        return True
    return head[at - 1].text in ("alignas", "__attribute__", "annotate", "decltype")


def function_of(head, body):
    at = parameters_at(head)
    return Function(head[at - 1].text, head[:at - 1], split(head[at + 1:closing(head, at)]), body, head[at].place)


def is_kernel(function):
    return any(token.text == "kernel" for token in function.head)


def attributes(tokens):
    """The names and arguments of [[...]] among the tokens."""
    found, at = [], 0
    while at + 1 < len(tokens):
        if tokens[at].text == "[" and tokens[at + 1].text == "[":
            end = closing(tokens, at)
            for part in split(tokens[at + 2:end - 1]):
                found.append((part[0].text, "".join(token.text for token in part[2:-1])))
            at = end
        at += 1
    return found


def threadgroup_variables(body):
    """The tokens of each declaration of a variable in threadgroup memory, up to its semicolon."""
    found = []
    for i, token in enumerate(body):
        if token.text != "threadgroup" or (i > 0 and body[i - 1].text not in (";", "{", "}", ")")):
            continue
        end = i
        while end < len(body) and body[end].text not in (";", "=", ")"):
            end = closing(body, end) + 1 if body[end].text == "[" else end + 1
        declared = body[i:end]
        pointer = any(inner.text in ("*", "&") for inner in body[i:next_index(body, i, "[", end)])
        if end < len(body) and body[end].text == ";" and not pointer:
            found.append(declared)
    return found


def next_index(tokens, begin, text, end):
    return next((i for i in range(begin, end) if tokens[i].text == text), end)
