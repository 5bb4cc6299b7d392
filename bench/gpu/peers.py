"""The peers of the benchmark: PyTorch (eager and compiled), CuPy, JAX and the vendor's batched calls.

Each library is optional. A library takes the inputs, torch tensors that all of them share without a copy, and offers
contenders for a case: how to run it, how to wait for it, and how its results read as torch tensors.
"""
import importlib
import os

# JAX would take most of the memory at its first use, and leave none for the others.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.25")


class Contender:
    def __init__(self, library, name, run, sets, canonical=None, compiles=False, reference=False):
        self.library, self.name, self.run_on, self.sets = library, name, run, sets
        self.canonical = canonical or (lambda results: results)
        self.compiles = compiles  # its first run is long for that reason
        self.reference = reference  # not the case's whole work: listed, never counted
        self.turn, self.results = 0, None

    def run(self):
        self.turn = (self.turn + 1) % len(self.sets)
        self.results = self.run_on(*self.sets[self.turn])

    def wait(self):
        self.library.wait(self.results)

    def consume(self):
        """Reads an element of each result, so that none can have been left out."""
        for result in as_list(self.results):
            self.library.element(result)

    def run_first(self):
        self.results = self.run_on(*self.sets[0])
        self.wait()

    def read(self):
        """The last results as torch tensors in the order of operations.cpp."""
        return self.canonical([self.library.to_torch(r) for r in as_list(self.results)])


def as_list(results):
    return list(results) if isinstance(results, (tuple, list)) else [results]


KNOWN = {"torch": "Torch", "cupy": "Cupy", "jax": "Jax", "vendor": "Vendor"}  # the class in peer_<name>.py


def find(names, device, compile_mode):
    """The libraries that can be used here, and why the others cannot."""
    present, absent = [], {}
    for name in names:
        try:
            library = getattr(importlib.import_module(f"peer_{name}"), KNOWN[name])
            present.append(library(device, compile_mode))
        except Exception as error:  # whatever a library's import may throw
            absent[name] = f"{type(error).__name__}: {error}"
    return present, absent
