"""The results as a line a case, Markdown and a chart."""
import html
import math

import machine as ceilings

OURS, UNCHECKED = "nngpu", "nngpu unchecked"


def duration(seconds):
    if seconds is None:
        return ""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} us"
    return f"{seconds * 1e3:.3f} ms" if seconds < 1 else f"{seconds:.2f} s"


def median(row, name):
    return row["contenders"][name]["median"] if name in row["contenders"] else None


def counted(row):
    return {
        name: t["median"]
        for name, t in row["contenders"].items()
        if not name.startswith(OURS) and t.get("counted") and not t.get("reference")
    }


def best(row):
    """Name and time of the fastest peer that is right."""
    peers = counted(row)
    name = min(peers, key=peers.get) if peers else None
    return name, peers.get(name)


def ratio(row, name=None):
    """A peer's time, the best one's by default, over ours; None where either is missing or ours is wrong."""
    ours, theirs = median(row, OURS), counted(row).get(name) if name else best(row)[1]
    right = row["contenders"].get(OURS, {}).get("counted")
    return theirs / ours if ours and theirs and right else None


def epilogue_target(row):
    """1 + 0.8 x what the best peer's epilogue costs it, in units of its product."""
    theirs, product = best(row)[1], median(row, "PyTorch, the product alone")
    return 1 + 0.8 * max(0.0, theirs - product) / product if theirs and product else None


def requirements(machine, row):
    """What is asked of a case: (text, reached, met), met None where it cannot be said."""
    found = []

    def ask(text, reached, least):
        found.append((text, reached, None if reached is None or least is None else reached >= least))

    floor, ours = ceilings.floor_of(machine, row), median(row, OURS)
    target = row["target"]
    if row["group"] == "decompositions" and target > 1 and best(row)[1] and best(row)[1] / target < floor / 0.8:
        target = 1  # no room: the best peer is near the floor already
    if row["operation"] == "epilogue":
        target = epilogue_target(row) or 1
    if target:
        ask(f"{target:.2f}", ratio(row), target)
    if row["share_target"]:
        ask(f"{row['share_target']:.0%} of the floor", floor / ours if ours and floor else None, row["share_target"])
    if row["operation"] == "chain":
        ask("2.2 x eager", ratio(row, "PyTorch"), 2.2)
    if row["operation"] == "svd" and row["group"] == "batches" and row["inputs"][0]["shape"][-1] >= 128:
        ask("50 x PyTorch's default", ratio(row, "PyTorch"), 50)
    ready = row.get("variants", [{}])[0]
    if row["expected_kernels"]:
        ask(f"{row['expected_kernels']} kernels", -abs(ready.get("kernels", -1) - row["expected_kernels"]), 0)
        ask("host 20 us", 20e-6 / ready["host"] if ready.get("host") else None, 1)
    if row["allowed"]:
        ask(duration(row["allowed"]), row["allowed"] / ours if ours else None, 1)
    return found


def missed(machine, row):
    return [text for text, _, met in requirements(machine, row) if met is False]


def summary(machine, row):
    name, ours, floor = best(row)[0], median(row, OURS), ceilings.floor_of(machine, row)
    share = floor / ours if ours and floor else None
    return {"best_peer": name, "ratio": ratio(row), "floor_share": share, "missed": missed(machine, row)}


def notes(row):
    """Everything a reader must know of a row beside its figures."""
    found = []
    if row.get("error"):
        found.append(f"ours failed: {row['error']}")
    if row["expected_kernels"] and row.get("variants"):
        found.append(f"ours returns after {duration(row['variants'][0]['host'])}, before the device has finished")
    for name, t in row["contenders"].items():
        if t.get("error") is not None and t["error"] > 1:
            listed = "ours is wrong" if name.startswith(OURS) else "not counted"
            found.append(f"{name}, {duration(t['median'])}: {t['error']:.3g} times the error allowed, {listed}")
        if t.get("error") is None and not t.get("reference"):
            found.append(f"{name}: not checked")
        if t.get("cold"):
            found.append(f"{name}: a single run")
        elif t["rounds"] < row["rounds"]:
            found.append(f"{name}: {t['rounds']} rounds")
    found += [f"{name}: {why}" for name, why in row.get("failed", {}).items()]
    return found


def cells(machine, row):
    name, theirs = best(row)
    ours, reached = median(row, OURS), ratio(row)
    floor = ceilings.floor_of(machine, row)
    error = row["contenders"].get(OURS, {}).get("error")
    return [
        row["name"],
        duration(ours) + (" (wrong)" if error is not None and error > 1 else ""),
        duration(median(row, UNCHECKED)),
        duration(theirs),
        name or "",
        f"{reached:.2f}" if reached else "",
        f"{floor / ours:.0%}" if ours and floor else "",
        str(row.get("variants", [{}])[0].get("kernels", "")),
        ", ".join(text for text, _, _ in requirements(machine, row)),
        ", ".join(missed(machine, row)),
    ]


HEAD = ["operation", "ours", "unchecked", "best peer", "", "ratio", "of floor", "kernels", "target", "missed"]
WIDTHS = [36, 11, 11, 11, 26, 7, 8, 7, 0, 0]


def line(texts):
    return " ".join(text.ljust(width) for text, width in zip(texts, WIDTHS)).rstrip()


def console(machine, row):
    *shown, lost = cells(machine, row)
    ours = row["contenders"].get(OURS)
    spread = f", quartiles {duration(ours['lower'])} - {duration(ours['upper'])}" if ours else ""
    return line(shown) + (f"  MISSED: {lost}" if lost else "") + f"  [case of {row['took']:.1f} s{spread}]"


def ceilings_text(machine):
    rates = ", ".join(f"{name} {rate / 1e12:.1f}" for name, rate in machine.get("matmul", {}).items())
    return f"Copy bandwidth {machine.get('copy_bandwidth', 0) / 1e12:.2f} TB/s; matmul, in TFLOP/s: {rates or 'not measured'}."


def markdown(report):
    machine = report["machine"]
    text = [f"{report['device']}. {ceilings_text(machine)}", "", report["method"], ""]
    remarks, group = [], None
    for row in report["results"]:
        if row["group"] != group:
            group = row["group"]
            text += ["", f"### {group.capitalize()}", "", "| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
        text.append("| " + " | ".join(cells(machine, row)) + " |")
        remarks += [f"- {row['name']}: {note}" for note in notes(row)]
    if remarks:
        text += ["", "### Remarks", ""] + remarks
    for name, why in report["absent"].items():
        text += ["", f"{name} is not among the peers: {why}"]
    if report["left_out"]:
        text += ["", "Left out, as the time was over: " + ", ".join(report["left_out"]) + "."]
    return "\n".join(text) + "\n"


def svg(report):
    """Ratios to the best peer on a logarithmic axis, a bar a row."""
    rows = [(row, ratio(row)) for row in report["results"] if ratio(row)]
    height = 40 + 16 * len(rows)

    def x(value):
        return 560 + 80 * math.log2(min(64.0, max(0.25, value)))

    out = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1080 {height}'><style>text{{font:11px "
        f"system-ui,sans-serif;fill:#444}}</style><rect width='1080' height='{height}' fill='#fff'/>"
    ]
    for tick in (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64):
        colour = "#888" if tick == 1 else "#e4e4e4"
        out.append(
            f"<line x1='{x(tick):.1f}' x2='{x(tick):.1f}' y1='24' y2='{height}' stroke='{colour}'/>"
            f"<text x='{x(tick):.1f}' y='16' text-anchor='middle'>{tick:g}x</text>"
        )
    for i, (row, value) in enumerate(rows):
        y, left, right = 30 + 16 * i, min(x(1), x(value)), max(x(1), x(value))
        colour = "#4e79a7" if value >= 1 else "#e15759"
        out.append(
            f"<text x='390' y='{y + 9}' text-anchor='end'>{html.escape(row['name'])}</text>"
            f"<rect x='{left:.1f}' y='{y}' width='{max(1.0, right - left):.1f}' height='11' fill='{colour}'/>"
        )
    return "".join(out) + "</svg>\n"
