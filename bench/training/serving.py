"""A peer as a process that answers requests on its standard input: run STEPS, memory, quit. One line of JSON each."""
import json
import sys


def serve(peer_class, *arguments):
    """What the class throws, while it is made or asked, is the answer."""
    try:
        peer = peer_class(*arguments)
        print(json.dumps({"ready": True, "version": peer.version, "parameters": peer.parameters}), flush=True)
        for line in sys.stdin:
            words = line.split()
            if words[0] == "quit":
                return
            answer = peer.run(int(words[1])) if words[0] == "run" else peer.memory()
            print(json.dumps(answer), flush=True)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"[:400]}), flush=True)
