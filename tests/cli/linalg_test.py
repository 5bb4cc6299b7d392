"""The nngpu command against NumPy, and its errors: one clear line, a non-zero exit, no output file."""
import json
import os
import subprocess
import tempfile

import numpy as np

TOOL = os.environ["NNGPU_TOOL"]


def nngpu(*arguments):
    return subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True)


def succeed(*arguments):
    done = nngpu(*arguments)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def fail(*arguments, says):
    done = nngpu(*arguments)
    assert done.returncode != 0, arguments
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in says:
        assert word in done.stderr, (word, done.stderr)


def check_decompositions(folder):
    rng = np.random.default_rng()
    for dtype, tolerance in (("float32", 1e-4), ("float64", 1e-11)):
        a = rng.standard_normal((37, 23)).astype(dtype)
        np.save(f"{folder}/a.npy", a)
        succeed("linalg", "svd", f"{folder}/a.npy", "-o", f"{folder}/svd.npz")
        result = np.load(f"{folder}/svd.npz")
        assert sorted(result.files) == ["s", "u", "vt"] and result["s"].dtype == dtype
        np.testing.assert_allclose(result["s"], np.linalg.svd(a, compute_uv=False), rtol=tolerance)
        np.testing.assert_allclose(result["u"] * result["s"] @ result["vt"], a, atol=tolerance * 10)
        succeed("linalg", "qr", f"{folder}/a.npy", "-o", f"{folder}/qr")
        q, r = np.load(f"{folder}/qr/q.npy"), np.load(f"{folder}/qr/r.npy")
        np.testing.assert_allclose(q @ r, a, atol=tolerance * 10)
        square = (a.T @ a + np.eye(23)).astype(dtype)
        np.save(f"{folder}/s.npy", square)
        np.save(f"{folder}/b.npy", a.T)
        for operation, expected in (
            ("inverse", np.linalg.inv(square)),
            ("cholesky", np.linalg.cholesky(square)),
            ("transpose", square.T),
        ):
            succeed("linalg", operation, f"{folder}/s.npy", "-o", f"{folder}/o.npy")
            np.testing.assert_allclose(np.load(f"{folder}/o.npy"), expected, atol=tolerance * 100)
        succeed("linalg", "solve", f"{folder}/s.npy", f"{folder}/b.npy", "-o", f"{folder}/o.csv")
        x = np.loadtxt(f"{folder}/o.csv", delimiter=",")
        np.testing.assert_allclose(x, np.linalg.solve(square, a.T), atol=tolerance * 100)
        succeed("linalg", "matmul", f"{folder}/a.npy", f"{folder}/b.npy", "-o", f"{folder}/o.mtx")
        out = json.loads(succeed("linalg", "eigh", f"{folder}/s.npy", "--json", "-o", f"{folder}/e.npz"))
        assert out["residual"]["value"] < tolerance and out["results"]["w"]["shape"] == [23]
        np.testing.assert_allclose(np.load(f"{folder}/e.npz")["w"], np.linalg.eigvalsh(square), rtol=tolerance * 10)
        out = json.loads(succeed("linalg", "det", f"{folder}/s.npy", "--json", "--dtype", "f64"))
        np.testing.assert_allclose(out["results"]["result"]["value"], np.linalg.det(square.astype("float64")), rtol=1e-10)
        check_values(folder, a, square, tolerance)
        check_residuals(folder, tolerance)


def check_values(folder, a, square, tolerance):
    """Every operation that gives one result, on a.npy (37, 23), b.npy (its transpose) and s.npy (23, 23)."""
    np.save(f"{folder}/c.npy", square + 2)
    cases = {
        ("matmul", "a", "b"): a @ a.T,
        ("add", "s", "c"): square + (square + 2),
        ("sub", "s", "c"): square - (square + 2),
        ("mul", "s", "c"): square * (square + 2),
        ("div", "s", "c"): square / (square + 2),
        ("lstsq", "a", "a"): np.eye(23),
        ("pinv", "a"): np.linalg.pinv(a),
    }
    for (operation, *names), expected in cases.items():
        out = succeed("linalg", operation, *[f"{folder}/{name}.npy" for name in names], "-o", f"{folder}/o.npy", "--device", "cpu")
        assert "time:" in out and "wrote" in out
        np.testing.assert_allclose(np.load(f"{folder}/o.npy"), expected, atol=tolerance * 300, rtol=tolerance * 100)
    scalars = {"norm": np.linalg.norm(square), "rank": 23, "cond": np.linalg.cond(square)}
    for operation, expected in scalars.items():
        out = json.loads(succeed("linalg", operation, f"{folder}/s.npy", "--json"))
        np.testing.assert_allclose(out["results"]["result"]["value"], expected, rtol=tolerance * 100)
    succeed("linalg", "lu", f"{folder}/a.npy", "-o", f"{folder}/lu.npz")
    lu = np.load(f"{folder}/lu.npz")
    assert sorted(lu.files) == ["l", "p", "u"]
    np.testing.assert_allclose(lu["p"] @ lu["l"] @ lu["u"], a, atol=tolerance * 10)


def check_residuals(folder, tolerance):
    for operation in ("inverse", "lu", "qr", "cholesky", "eigh", "svd", "pinv"):
        out = json.loads(succeed("linalg", operation, f"{folder}/s.npy", "--json"))
        assert 0 <= out["residual"]["value"] < tolerance, (operation, out["residual"])
        text = succeed("linalg", operation, f"{folder}/s.npy")
        assert out["residual"]["name"] in text
    for operation in ("solve", "lstsq", "matmul"):
        out = json.loads(succeed("linalg", operation, f"{folder}/s.npy", f"{folder}/s.npy", "--json"))
        assert 0 <= out["residual"]["value"] < tolerance, (operation, out["residual"])


def check_numpy_files(folder):
    for array in (np.arange(6, dtype="int16").reshape(2, 3), np.asfortranarray(np.random.rand(3, 4)), np.random.rand(3, 4).astype(">f8")):
        np.save(f"{folder}/n.npy", array)
        succeed("linalg", "transpose", f"{folder}/n.npy", "-o", f"{folder}/t.npy")
        np.testing.assert_array_equal(np.load(f"{folder}/t.npy"), array.T)
    np.savez_compressed(f"{folder}/n.npz", m=np.eye(3))
    succeed("linalg", "inverse", f"{folder}/n.npz:m", "-o", f"{folder}/t.npy")
    np.testing.assert_array_equal(np.load(f"{folder}/t.npy"), np.eye(3))


def check_errors(folder):
    np.save(f"{folder}/a.npy", np.ones((3, 4), "float32"))
    np.save(f"{folder}/b.npy", np.ones((5, 6), "float32"))
    np.save(f"{folder}/zero.npy", np.zeros((3, 3)))
    np.save(f"{folder}/nan.npy", np.full((3, 3), np.nan))
    data = open(f"{folder}/a.npy", "rb").read()
    open(f"{folder}/short.npy", "wb").write(data[:-5])
    out = f"{folder}/never.npy"
    fail("linalg", "inverse", f"{folder}/short.npy", "-o", out, says=["short.npy", "truncated"])
    fail("linalg", "inverse", f"{folder}/zero.npy", "-o", out, says=["[inverse]", "singular", "pivot 0"])
    fail("linalg", "inverse", f"{folder}/nan.npy", "-o", out, says=["[inverse]", "NaN"])
    fail("linalg", "matmul", f"{folder}/a.npy", f"{folder}/b.npy", "-o", out, says=["[matmul]", "(3, 4)", "(5, 6)"])
    fail("linalg", "cholesky", f"{folder}/a.npy", "-o", out, says=["[cholesky]", "square", "(3, 4)"])
    fail("linalg", "frobnicate", f"{folder}/a.npy", "-o", out, says=["frobnicate", "svd"])
    fail("linalg", "svd", f"{folder}/absent.npy", "-o", out, says=["absent.npy"])
    fail("linalg", "svd", f"{folder}/a.npy", "-o", out, says=["never.npy", ".npz"])
    fail("linalg", "svd", f"{folder}/a.npy", "--device", "cuda", says=["cuda"])
    fail("linalg", "matmul", f"{folder}/a.npy", says=["2 files"])
    fail("unknown", says=["unknown"])
    assert not os.path.exists(out)
    assert not [name for name in os.listdir(folder) if "tmp" in name]


def check_devices():
    devices = json.loads(succeed("devices", "--json"))
    assert devices[0]["device"] == "cpu" and devices[0]["available"]
    assert "cpu" in succeed("devices")


with tempfile.TemporaryDirectory() as folder:
    check_decompositions(folder)
    check_numpy_files(folder)
    check_errors(folder)
    check_devices()
print("ok")
