# SPDX-License-Identifier: Apache-2.0
"""Links under trouble: a parent that hangs, a child that was away, keys that come late."""
import json
import os
import signal
import time
import uuid

from cluster import Cluster, main, wait_for

R1, R2 = "upt/phala-martha", "upt/satria"
QUICK = {"link": {"ping": "1s"}}


def tree(config=None):
    c = Cluster([R1, R2], config=config or QUICK)
    c.client("dsk/3203", R1)
    c.client("dsk/3302", R2)
    return c


def publish_many(c, n, case):
    ids = []
    lines = []
    for k in range(n):
        m = c.message("dsk/3203", "dsk/3302", case=case[k % len(case)],
                      urgency=["ROUTINE", "PRIORITY", "EMERGENCY"][k % 7 // 3])
        ids.append((case[k % len(case)], m["envelope"]["message_id"]))
        lines.append(json.dumps(m))
    path = os.path.join(c.folder, f"many-{uuid.uuid4()}.jsonl")
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    c.ctl("dsk/3203", "publish", path, "--wait", "accepted", "--timeout", "60s")
    return ids


def in_case_order(ids, got):
    arrived = [(g["envelope"]["case_id"], g["envelope"]["message_id"]) for g in got]
    assert sorted(arrived) == sorted(ids), f"{len(arrived)} of {len(ids)}"
    for case in {c for c, _ in ids}:
        assert [i for c, i in arrived if c == case] == [i for c, i in ids if c == case], case


def a_parent_that_hangs_is_noticed_and_nothing_is_lost():
    with tree() as c:
        c.up()
        cases = [str(uuid.uuid4()) for _ in range(5)]
        ids = publish_many(c, 50, cases)
        c.process["hub"].send_signal(signal.SIGSTOP)
        try:
            ids += publish_many(c, 200, cases)
            c.wait_link(R1, "down")
        finally:
            c.process["hub"].send_signal(signal.SIGCONT)
        c.wait_link(R1)
        ids += publish_many(c, 50, cases)
        in_case_order(ids, c.consume("dsk/3302", 300, timeout="60s"))
        wait_for("every receipt", lambda: c.status(R1)["deliveries"] >= 300)


def a_broker_that_was_away_gets_everything_in_case_order_once():
    with tree() as c:
        c.up()
        c.stop(R2)
        cases = [str(uuid.uuid4()) for _ in range(8)]
        ids = publish_many(c, 600, cases)
        wait_for("the hub to have them", lambda: c.status("hub")["messages"] == 600)
        c.kill("hub")
        c.start("hub")
        c.start(R2)
        in_case_order(ids, c.consume("dsk/3302", 600, timeout="90s"))
        assert not c.consume("dsk/3302", 1, timeout="2s"), "something came twice"
        links = c.rows("hub", "links")
        assert {x["neighbour"]: x["queued"] for x in links} == {R1: 0, R2: 0} or \
            wait_for("the receipts to be through", lambda: all(
                x["queued"] == 0 for x in c.rows("hub", "links"))), links
        sent = {x["neighbour"]: x for x in c.rows("hub", "links")}[R2]["sent_count"]
        assert sent == 600, sent


def a_link_key_that_is_enrolled_late_comes_up_by_itself():
    with tree() as c:
        path = c.directory()
        lines = open(path).read().splitlines()
        late = [x for x in lines if '"key"' in x and f'"{R1}"' in x]
        with open(path, "w") as f:
            f.write("\n".join(x for x in lines if x not in late) + "\n")
        c.ctl("hub", "node", "import", path)
        c.start("hub")
        c.directory()
        c.ctl(R1, "node", "import", c.directory())
        c.start(R1)
        time.sleep(2)
        assert c.status(R1)["uplink"] == "down"
        c.ctl("hub", "node", "import", c.directory())
        c.wait_link(R1)


def a_quiet_link_stays_open_with_the_shortest_ping():
    with Cluster([R1], config={"link": {"ping": "500ms"}}) as c:
        c.up()
        c.wait_link(R1)
        time.sleep(6)
        with open(c.log.name) as f:
            text = f.read()
        assert "LINK_DOWN" not in text and text.count("LINK_UP") == 2, c.tail()


def a_revoked_key_loses_its_session_at_once():
    with tree() as c:
        c.up()
        record = json.loads(c.key(R1))
        record["key"]["revoked"] = True
        path = os.path.join(c.folder, "revoke.jsonl")
        with open(path, "w") as f:
            f.write(json.dumps(record) + "\n")
        begin = time.monotonic()
        c.ctl("hub", "node", "import", path)
        wait_for("the link to end", lambda: c.status(R1)["uplink"] == "down", 10)
        assert time.monotonic() - begin < 5
        m = c.message("dsk/3203", "dsk/3302")
        c.publish("dsk/3203", m)
        time.sleep(1)
        assert c.status("hub")["messages"] == 0


def what_waits_at_another_broker_counts_for_its_sender():
    """Until it is collected there: its own broker puts it off, and nobody's link stands still."""
    with tree({**QUICK, "limits": {"sender-queue": "10"}}) as c:
        c.up()
        case = [str(uuid.uuid4())]
        ids = publish_many(c, 10, case)
        wait_for("all to be there", lambda: c.status(R2)["messages"] == 10)
        m = c.message("dsk/3203", "dsk/3302", case=case[0])
        p = c.publish("dsk/3203", m, "--wait", "accepted", "--timeout", "3s", check=False)
        assert p.returncode != 0 and "SENDER_FULL" in p.stdout + p.stderr, (p.stdout, p.stderr)
        for node in c.process:
            assert "quota" not in c.ctl(node, "check").stdout
        in_case_order(ids, c.consume("dsk/3302", 10))
        c.publish("dsk/3203", m, "--wait", "accepted", "--timeout", "60s")


def a_neighbour_that_fills_a_broker_keeps_what_is_too_much():
    """And everything arrives, in order, when there is room again; others are not put off."""
    with tree({**QUICK, "limits": {"neighbour-queue": "10"}}) as c:
        c.client("lks/3204/0007", "hub")
        c.up()
        c.stop(R2)
        cases = [str(uuid.uuid4()) for _ in range(3)]
        ids = publish_many(c, 60, cases)
        wait_for("the hub to say so", lambda: "NEIGHBOUR_FULL" in open(c.log.name).read())
        full = c.status("hub")["messages"]
        assert 10 <= full <= 20, full
        m = c.message("lks/3204/0007", "dsk/3302", case=str(uuid.uuid4()))
        c.publish("lks/3204/0007", m, "--wait", "accepted", "--timeout", "10s")
        c.start(R2)
        ids.append((m["envelope"]["case_id"], m["envelope"]["message_id"]))
        in_case_order(ids, c.consume("dsk/3302", 61, timeout="90s"))


if __name__ == "__main__":
    main([a_parent_that_hangs_is_noticed_and_nothing_is_lost,
          a_broker_that_was_away_gets_everything_in_case_order_once,
          a_link_key_that_is_enrolled_late_comes_up_by_itself,
          a_quiet_link_stays_open_with_the_shortest_ping,
          a_revoked_key_loses_its_session_at_once,
          what_waits_at_another_broker_counts_for_its_sender,
          a_neighbour_that_fills_a_broker_keeps_what_is_too_much])
