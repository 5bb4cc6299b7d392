"""How contenders are timed: one method for all. A sample is the wall-clock time of many runs, from an idle device until
it has finished; samples of the contenders take turns, each round starting with another one."""
import time

SHORTEST = 5e-3  # seconds of a sample: it repeats its work until the clock can be trusted
ENDLESS = 4.0  # a first run longer than this, where nothing is compiled, is the only one
SLOW = 0.25  # a run longer than this, and three times longer than the fastest, gets few rounds
FEW = 3


class Ours:
    """A variant of this library, timed by the child process with the same steps."""

    compiles = reference = False

    def __init__(self, child, index, ready):
        self.child, self.index, self.ready = child, index, ready
        self.name, self.first, self.once = ready["name"], ready["first"], ready["once"]

    def sample(self, repetitions):
        return self.child.ask(f"sample {self.index} {repetitions}")["seconds"]


class Peer:
    """A contender of peers.py."""

    def __init__(self, contender):
        self.contender = contender
        self.name, self.compiles, self.reference = contender.name, contender.compiles, contender.reference
        self.first = self.once = None

    def timed(self, repetitions):
        start = time.perf_counter()
        for _ in range(repetitions):
            self.contender.run()
        self.contender.wait()
        return (time.perf_counter() - start) / repetitions

    def first_run(self):
        """The results from the first set of inputs. What runs next may overwrite them."""
        start = time.perf_counter()
        self.contender.run_first()
        self.first = self.once = time.perf_counter() - start
        return self.contender.read()

    def calibrate(self):
        if self.first > ENDLESS and not self.compiles:
            return
        if self.first < 1:
            self.timed(1)
        self.once = self.timed(1)

    def sample(self, repetitions):
        self.contender.run()
        self.contender.wait()
        seconds = self.timed(repetitions)
        self.contender.consume()
        return seconds


def rounds_of(contender, fastest, rounds, most_seconds, together):
    if not contender.compiles and contender.first > ENDLESS:
        return 0
    if contender.once > SLOW and contender.once > 3 * fastest:
        return min(rounds, FEW)
    # A case of long runs that are all near each other still has an end.
    return max(min(rounds, 5), min(rounds, int(most_seconds / max(together, 1e-9))))


def quartiles(samples):
    ordered, n = sorted(samples), len(samples)
    return {"lower": ordered[n // 4], "median": ordered[n // 2], "upper": ordered[3 * n // 4], "rounds": n}


def compare(contenders, rounds, most_seconds):
    """Times of contenders that are ready, by name, and the errors of those that failed on the way."""
    fastest = min(c.once for c in contenders)
    near = sum(max(2 * c.once, SHORTEST) for c in contenders if c.once <= max(SLOW, 3 * fastest))
    plan = [rounds_of(c, fastest, rounds, most_seconds, near) for c in contenders]
    repetitions = [max(1, min(2000, int(SHORTEST / max(c.once, 1e-7)))) for c in contenders]
    samples, failed = [[] for _ in contenders], {}
    for turn in range(max(plan)):
        for i in range(len(contenders)):
            k = (i + turn) % len(contenders)
            if turn >= plan[k] or contenders[k].name in failed:
                continue
            try:
                samples[k].append(contenders[k].sample(repetitions[k]))
            except Exception as error:  # whatever a library throws: the others go on
                failed[contenders[k].name] = error
    times = {}
    for contender, taken in zip(contenders, samples):
        if contender.name in failed:
            continue
        times[contender.name] = quartiles(taken or [contender.once])
        times[contender.name]["cold"] = not taken
        times[contender.name]["first"] = contender.first
    return times, failed
