"""What clang cannot say of a kernel text: rules of the Metal Shading Language 3.1, and of the kernel dialect where it
is stricter, on the tokens of a preprocessed text."""
import re

from _names import calls_in, types_of, varying_names
from _syntax import (Function, attributes, before_angles, closing, declarations, is_kernel, opening,
                     threadgroup_variables)

REFUSED = {
    "double": "there is no double",
    "goto": "there is no goto",
    "virtual": "there are no virtual functions",
    "new": "there is no new",
    "delete": "there is no delete",
    "throw": "there are no exceptions",
    "try": "there are no exceptions",
    "catch": "there are no exceptions",
    "noexcept": "there is no noexcept",
    "dynamic_cast": "there is no dynamic_cast",
    "typeid": "there is no typeid",
    "thread_local": "there is no thread_local",
    "register": "there is no register",
    "asm": "there is no asm",
    "std": "there is no library but Metal's",
    "extern": "there is no extern",
    "auto": "types are written out, with their address spaces",
    "union": "there are no unions in the dialect",
    "volatile": "there is no volatile in the dialect",
    "vertex": "this is a keyword of Metal",
    "fragment": "this is a keyword of Metal",
    "threadgroup_imageblock": "this is a keyword of Metal",
    "ray_data": "this is a keyword of Metal",
    "object_data": "this is a keyword of Metal",
    "threadIdx": "this is CUDA",
    "blockIdx": "this is CUDA",
    "blockDim": "this is CUDA",
    "gridDim": "this is CUDA",
}
SPACES = {"device", "constant", "threadgroup", "thread"}
BEFORE_TYPE = {"(", ")", "]", ",", ";", "{", "}", "<", ">", ":"}
BUILTIN_TYPES = {
    "void", "bool", "char", "short", "int", "long", "float", "half", "bfloat", "unsigned", "signed", "uchar",
    "ushort", "uint", "ulong", "size_t", "uint2", "uint3", "uint4", "float2", "float4",
}
IDS = {
    "thread_position_in_threadgroup", "threadgroup_position_in_grid", "threads_per_threadgroup",
    "threadgroups_per_grid", "thread_index_in_simdgroup", "simdgroup_index_in_threadgroup",
}
FLOATING = re.compile(r"(?!0[xX])(?=[\d.]*[.eE])[\d.]+(?:[eE][+-]?\d+)?(\w*)$")
COLLECTIVE = re.compile(r"threadgroup_barrier$|simd_")
MOST_BUFFERS = 31


class Rules:
    """Collects (place, message) of one text. `dialect`: the rules of what is before it."""

    def __init__(self, tokens, dialect=None):
        self.tokens = tokens
        self.errors = []
        self.items = declarations(tokens)
        self.functions = [item for item in self.items if isinstance(item, Function)]
        self.types = (dialect.types if dialect else BUILTIN_TYPES) | types_of(tokens)
        # The functions that each function calls: by name and number of arguments.
        self.calls = {key: set(callees) for key, callees in dialect.calls.items()} if dialect else {}
        for function in self.functions:
            self.calls.setdefault(key_of(function), set()).update(calls_in(function.body))

    def check(self):
        self.check_words()
        self.check_numbers()
        self.check_lambdas()
        self.check_pointers()
        self.check_variables()
        self.check_recursion()
        for function in self.functions:
            self.check_shared(function)
            self.check_statics(function)
            if is_kernel(function):
                self.check_kernel(function)
                self.check_returns(function)
        return list(dict.fromkeys(self.errors))

    def report(self, place, message):
        self.errors.append((place, message))

    def check_words(self):
        for before, token in zip([None] + self.tokens, self.tokens):
            if token.kind != "word":
                continue
            if token.text in REFUSED:
                self.report(token.place, f"'{token.text}': {REFUSED[token.text]}")
            elif token.text.startswith("__"):
                self.report(token.place, f"'{token.text}': names of compilers are not for kernels")
            elif token.text == "long" and before is not None and before.text == "long":
                self.report(token.place, "'long long': 64-bit integers are i64 and u64")

    def check_numbers(self):
        for token in self.tokens:
            floating = FLOATING.match(token.text) if token.kind == "number" else None
            if floating and floating.group(1) not in ("f", "F", "h", "H"):
                self.report(token.place, f"'{token.text}': a constant without suffix is double on other targets")

    def check_lambdas(self):
        tokens = self.tokens
        for i, token in enumerate(tokens):
            if token.text != "[" or token.kind != "sign" or i == 0:
                continue
            before, after = tokens[i - 1], tokens[i + 1] if i + 1 < len(tokens) else token
            indexed = before.kind in ("word", "string") and before.text != "return" or before.text in (")", "]", ">")
            attribute = after.text == "[" or (before.text == "[" and i > 0)
            if not indexed and not attribute:
                self.report(token.place, "there are no lambdas")

    def check_pointers(self):
        tokens = self.tokens
        for i, token in enumerate(tokens):
            if token.kind == "sign" and token.text in ("*", "&") and i > 0:
                specifiers = self.specifiers_before(i)
                if specifiers is not None and not specifiers & SPACES:
                    what = "pointer" if token.text == "*" else "reference"
                    self.report(token.place, f"a {what} without an address space")
            if token.text == "(" and i + 3 < len(tokens) and tokens[i + 1].text == "*":
                end = closing(tokens, i)
                named_only = end - i <= 3 and end + 1 < len(tokens) and tokens[end + 1].text == "("
                if named_only and i > 0 and (tokens[i - 1].text in self.types or tokens[i - 1].text == "*"):
                    self.report(token.place, "there are no function pointers")

    def specifiers_before(self, at):
        """The words before the type that ends at `at`; None if what is there is no type of a declaration or cast."""
        tokens, words, named, i = self.tokens, set(), False, at - 1
        while i >= 0:
            text = tokens[i].text
            if text == ">" and not named:
                i = before_angles(tokens, i)
                if i < 0 or tokens[i].text not in self.types:
                    return None
                named = True
            elif text in self.types and tokens[i].kind == "word":
                named = True
            elif text in SPACES or text in ("const", "static", "inline"):
                words.add(text)
            elif not (text == "::" and named):
                break
            i -= 1
        return words if named and (i < 0 or tokens[i].text in BEFORE_TYPE) else None

    def check_variables(self):
        for item in self.items:
            if isinstance(item, Function) or any(token.text == "constant" for token in item.tokens):
                continue
            self.report(item.place, "a variable outside of functions that is not constant")

    def check_recursion(self):
        for function in self.functions:
            key = key_of(function)
            seen, todo = set(), list(self.calls[key])
            while todo:
                callee = todo.pop()
                if callee == key:
                    self.report(function.place, f"'{function.name}' calls itself")
                    break
                if callee in self.calls and callee not in seen:
                    seen.add(callee)
                    todo += self.calls[callee]

    def check_shared(self, function):
        for declared in threadgroup_variables(function.body):
            before = [token.text for token in function.body if token.start < declared[0].start]
            if not is_kernel(function):
                self.report(declared[0].place, "a threadgroup variable outside of a kernel")
            elif before.count("{") > before.count("}"):
                self.report(declared[0].place, "a threadgroup variable in an inner block")

    def check_statics(self, function):
        for token in function.body:
            if token.text == "static":
                self.report(token.place, "a static variable in a function")

    def check_kernel(self, function):
        place = function.place
        if [token.text for token in function.head if token.text == "void"] == []:
            self.report(place, f"kernel {function.name}: it returns something")
        buffers = []
        for parameter in function.parameters:
            found = attributes(parameter)
            if len(found) != 1:
                self.report(place, f"kernel {function.name}: a parameter without an attribute")
                continue
            name, argument = found[0]
            words = {token.text for token in parameter}
            if name == "buffer":
                buffers.append(argument)
                if not words & {"device", "constant"} or not words & {"*", "&"}:
                    self.report(place, f"kernel {function.name}: buffer({argument}) is in no address space")
            elif name not in IDS:
                self.report(place, f"kernel {function.name}: unknown attribute '{name}'")
        if buffers != [str(i) for i in range(len(buffers))]:
            self.report(place, f"kernel {function.name}: arguments are not numbered 0, 1, 2, ...")
        if len(buffers) > MOST_BUFFERS:
            self.report(place, f"kernel {function.name}: more than {MOST_BUFFERS} arguments")

    def check_returns(self, function):
        """Every thread of a block has to reach its barriers and the functions of subgroups."""
        body = function.body
        end = max((i for i, token in enumerate(body) if COLLECTIVE.match(token.text)), default=-1)
        varying = varying_names(body)
        for i, token in enumerate(body[:max(end, 0)]):
            if token.text != "return" or i == 0:
                continue
            before = i - 1 if body[i - 1].text != "{" else i - 2
            if before < 0 or body[before].text != ")":
                continue
            condition = body[opening(body, before):before]
            if any(word.text in varying and last.text != "." for last, word in zip(condition, condition[1:])):
                self.report(token.place, f"kernel {function.name}: some threads return before a barrier")


def key_of(function):
    return function.name, len(function.parameters)
