"""nngpu_gpu_bench as a child process that answers requests."""
import json
import os
import subprocess
import tempfile


class ChildError(RuntimeError):
    pass


class Child:
    def __init__(self, program, device, scale):
        self.command = [program, "--serve", "--device", device, "--scale", str(scale)]
        self.process = None

    def start(self):
        # A child's complaints go to a file: a pipe that nobody reads would stop it.
        self.complaints = tempfile.TemporaryFile("w+")
        # Its threads make inputs; they must not spin while a peer is timed.
        quiet = dict(os.environ, OMP_WAIT_POLICY="passive")
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.complaints, text=True, env=quiet
        )

    def ask(self, request):
        """The answer to one request. A child that has died is started again for the next one."""
        if self.process is None:
            self.start()
        try:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self.process.wait()
            self.process = None
            self.complaints.seek(0)
            raise ChildError(f"nngpu_gpu_bench ended ({code}): {self.complaints.read()[-800:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise ChildError(answer["error"])
        return answer

    def close(self):
        if self.process is not None:
            self.process.communicate("quit\n")
            self.process = None


def list_cases(program, scale, groups, quick):
    command = [program, "--list", "--scale", str(scale)] + (["--quick"] if quick else [])
    for group in groups:
        command += ["--groups", group]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in text.splitlines()]
