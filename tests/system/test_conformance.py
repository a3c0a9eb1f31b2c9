# SPDX-License-Identifier: Apache-2.0
"""What PROTOCOL.md says, against a broker: the checks of pyclient/, and the page's own client."""
import base64
import os
import re
import subprocess
import sys
import tempfile

from cluster import Cluster, main

HOME = "upt/phala-martha"
HERE = os.path.dirname(os.path.abspath(__file__))
PROTO = os.path.join(HERE, "../../proto")


def the_broker_does_what_the_protocol_document_says():
    # Dead sessions are found soon, and the breaches of one check after the other slow nobody down.
    with Cluster([HOME], config={"delivery": {"retry-first": "500ms"}, "link": {"ping": "2s"},
                                 "limits": {"slow-time": "0"}}) as c:
        c.client("dsk/3203", HOME)
        c.client("uptd/32/pa-02", HOME)
        c.up()
        p = subprocess.run([sys.executable, os.path.join(HERE, "pyclient", "conformance.py"),
                            "--", c.endpoint(HOME), c.curve(HOME),  # a key may begin with a minus
                            os.path.join(c.dir("uptd/32/pa-02"), "keys"),
                            os.path.join(c.dir("dsk/3203"), "keys")])
        assert p.returncode == 0, f"conformance.py: exit {p.returncode}"


def keys_of(c, node):
    with open(os.path.join(c.dir(node), "keys"), encoding="utf-8") as f:
        return dict(re.findall(r"^([a-z0-9-]+) = (.*)$", f.read(), re.M))


def the_client_of_the_page_publishes_and_consumes():
    with open(os.path.join(PROTO, "PROTOCOL.md"), encoding="utf-8") as f:
        program = re.search(r"^```python\n(.*?)^```", f.read(), re.S | re.M).group(1)
    with Cluster([HOME]) as c, tempfile.TemporaryDirectory(prefix="sd-") as folder:
        c.client("dsk/3203", HOME)
        c.client("uptd/32/pa-02", HOME)
        c.up()
        keys = keys_of(c, "uptd/32/pa-02")
        files = [os.path.join(PROTO, "serasi/v1", f) for f in os.listdir(f"{PROTO}/serasi/v1")]
        subprocess.run(["protoc", "-I", PROTO, "--python_out", folder, *files], check=True)
        with open(os.path.join(folder, "client.py"), "w", encoding="utf-8") as f:
            secret = base64.b64decode(keys["ed25519-secret"])
            f.write(f"SERVER_KEY, PUBLIC_KEY, SECRET_KEY = [x.encode() for x in "
                    f"{[c.curve(HOME), keys['curve-public'], keys['curve-secret']]!r}]\n"
                    f"CIPHERTEXT, SIGNING_SEED, SIGNING_PUBLIC = b'x', {secret[:32]}, {secret[32:]}\n"
                    + program.replace("tcp://broker.example:7021", c.endpoint(HOME)))
        client = subprocess.Popen([sys.executable, "-u", "client.py"], cwd=folder, text=True,
                                  stdout=subprocess.PIPE)
        try:
            assert client.stdout.readline() == "VERDICT_ACCEPTED []\n"
            m = c.message("dsk/3203", "uptd/32/pa-02")
            c.publish("dsk/3203", m, "--wait", "collected")
            assert client.stdout.readline().strip() == m["envelope"]["message_id"]
        finally:
            client.kill()
            client.wait()
        assert c.consume("dsk/3203", 1)[0]["envelope"]["kind"] == "MESSAGE_KIND_COMPLAINT"


if __name__ == "__main__":
    main([the_broker_does_what_the_protocol_document_says,
          the_client_of_the_page_publishes_and_consumes])
