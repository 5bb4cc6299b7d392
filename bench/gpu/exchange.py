"""The inputs and results that the processes share."""


class Exchange:
    """The inputs of a case as torch tensors, and the judgement of results; without PyTorch there is neither."""

    def __init__(self, device):
        self.device = device

    def load(self, case):
        if self.device is None:
            self.sets = []
            return
        import data

        self.sets = [data.make_set(case, turn, self.device) for turn in range(case["sets"])]

    def error_of(self, case, results):
        if self.device is None:
            return None
        import check

        return check.error_of(case, self.sets[0], results)

    def read(self, folder, count):
        """What the child has saved, on the peers' device."""
        import numpy
        import torch

        return [torch.from_numpy(numpy.load(f"{folder}/{i}.npy")).to(self.device) for i in range(count)]
