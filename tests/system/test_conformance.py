# SPDX-License-Identifier: Apache-2.0
"""Runs the conformance checks of pyclient/ (written from PROTOCOL.md alone) against a broker."""
import os
import subprocess
import sys

from cluster import Cluster, main

HOME = "upt/phala-martha"


def the_broker_does_what_the_protocol_document_says():
    here = os.path.dirname(os.path.abspath(__file__))
    with Cluster([HOME], config={"delivery": {"retry-first": "500ms"}}) as c:
        c.client("dsk/3203", HOME)
        c.client("uptd/32/pa-02", HOME)
        c.up()
        p = subprocess.run([sys.executable, os.path.join(here, "pyclient", "conformance.py"),
                            c.endpoint(HOME), c.curve(HOME),
                            os.path.join(c.dir("uptd/32/pa-02"), "keys"),
                            os.path.join(c.dir("dsk/3203"), "keys")])
        assert p.returncode == 0, f"conformance.py: exit {p.returncode}"


if __name__ == "__main__":
    main([the_broker_does_what_the_protocol_document_says])
