# SPDX-License-Identifier: Apache-2.0
"""A node moves to another home: what waits for it follows, whoever dies meanwhile."""
import json
import os
import shutil
import signal

from cluster import Cluster, main, wait_for

R1, R2 = "upt/phala-martha", "upt/satria"
MOVER, NEAR, FAR = "dsk/3203", "uptd/32/pa-02", "dsk/3302"
QUICK = {"link": {"ping": "1s"}}


def tree():
    c = Cluster([R1, R2], config=QUICK)
    c.client(MOVER, R1)
    c.client(NEAR, R1)
    c.client(FAR, R2)
    return c


def publish_some(c, sender, n):
    region = "3302" if sender == FAR else "3203"
    lines = [c.message(sender, MOVER, region=region) for _ in range(n)]
    path = os.path.join(c.folder, "some.jsonl")
    with open(path, "w") as f:
        f.write("".join(json.dumps(m) + "\n" for m in lines))
    c.ctl(sender, "publish", path, "--wait", "accepted", "--timeout", "60s")
    return [m["envelope"]["message_id"] for m in lines]


def waiting(c, broker):
    return sum(int(q["waiting"]) for q in c.rows(broker, "queues")
               if q["kind"] == "mailbox" and q["name"] == MOVER)


def move(c, home, brokers):
    """As the directory says it at each of these brokers; then its program is told."""
    record = json.loads(next(x for x in c.lines if f'"id": "{MOVER}"' in x))["node"]
    path = os.path.join(c.folder, "move.jsonl")
    with open(path, "w") as f:
        f.write(json.dumps({"node": {**record, "home": home}}) + "\n")
    for broker in brokers:
        c.ctl(broker, "node", "import", path)
    keys = os.path.join(c.folder, "keys-of-mover")
    shutil.copy(os.path.join(c.dir(MOVER), "keys"), keys)
    shutil.rmtree(c.dir(MOVER))
    c.run("serasictl", "init", c.dir(MOVER), "--role", "client", "--node", MOVER,
          "--broker", c.endpoint(home), "--broker-key", c.curve(home))
    shutil.copy(keys, os.path.join(c.dir(MOVER), "keys"))


def all_arrive(c, ids):
    got = [m["envelope"]["message_id"] for m in c.consume(MOVER, len(ids), timeout="60s")]
    assert sorted(got) == sorted(ids), f"{len(got)} of {len(ids)}, {len(set(got))} different"
    assert c.consume(MOVER, 1, timeout="2s") == []


def one_end_each(c, broker, ids):
    for i in ids:
        def ended():
            return [(r["recipient"], r["level"], r["leg"]) for r in c.rows(broker, "outcome", i)]
        wait_for(f"the end of {i}", lambda: ended() == [(MOVER, "COLLECTED", R2)])


def what_waits_follows_a_node_to_its_new_home():
    with tree() as c:
        c.up()
        near, far = publish_some(c, NEAR, 15), publish_some(c, FAR, 15)
        wait_for("the mailbox", lambda: waiting(c, R1) == 30)
        move(c, R2, ["hub", R2, R1])
        near += publish_some(c, NEAR, 5)
        all_arrive(c, near + far)
        one_end_each(c, R1, near)
        one_end_each(c, R2, far)
        assert waiting(c, R1) == 0
        for broker in ["hub", R1, R2]:
            c.ctl(broker, "check")
            c.ctl(broker, "ledger", "verify")


def it_follows_when_brokers_learn_of_it_late_and_die():
    with tree() as c:
        c.up()
        near, far = publish_some(c, NEAR, 15), publish_some(c, FAR, 15)
        wait_for("the mailbox", lambda: waiting(c, R1) == 30)
        move(c, R2, [R1])  # the others send it back, as far as they know
        c.kill(R1, signal.SIGKILL)
        c.start(R1)
        far += publish_some(c, FAR, 5)
        c.kill("hub", signal.SIGKILL)
        c.start("hub")
        path = os.path.join(c.folder, "move.jsonl")
        c.ctl("hub", "node", "import", path)
        c.kill(R2, signal.SIGKILL)
        c.start(R2)
        c.ctl(R2, "node", "import", path)
        for broker in [R1, R2]:
            c.wait_link(broker)
        all_arrive(c, near + far)
        one_end_each(c, R1, near)
        one_end_each(c, R2, far)
        for broker in ["hub", R1, R2]:
            c.ctl(broker, "check")
            c.ctl(broker, "ledger", "verify")


if __name__ == "__main__":
    main([what_waits_follows_a_node_to_its_new_home,
          it_follows_when_brokers_learn_of_it_late_and_die])
