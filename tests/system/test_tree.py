# SPDX-License-Identifier: Apache-2.0
"""Messages across a tree of brokers: there, in order, receipted back, also over an outage."""
import datetime
import json
import os
import shutil
import threading
import uuid

from cluster import Cluster, main, wait_for

R1, R2 = "upt/phala-martha", "upt/satria"


def tree():
    c = Cluster([R1, R2])
    c.client("dsk/3203", R1)
    c.client("uptd/32/pa-02", R1)
    c.client("dsk/3302", R2)
    return c


def now_text(seconds=0):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.isoformat().replace("+00:00", "Z")


def outcome(c, node, message_id):
    return c.rows(node, "outcome", message_id)


def a_message_is_collected_on_the_same_broker():
    with tree() as c:
        c.up()
        m = c.message("dsk/3203", "uptd/32/pa-02")
        c.publish("dsk/3203", m, "--wait", "accepted")
        got = c.consume("uptd/32/pa-02", 1)
        assert got[0]["envelope"]["message_id"] == m["envelope"]["message_id"], got
        rows = outcome(c, "dsk/3203", m["envelope"]["message_id"])
        assert [r["level"] for r in rows] == ["COLLECTED"], rows


def a_message_crosses_the_hub_and_its_receipt_comes_back():
    with tree() as c:
        c.up()
        m = c.message("dsk/3203", "dsk/3302", sealed="c2VhbGVkIGJ5dGVz")
        done = threading.Thread(target=lambda: got.extend(c.consume("dsk/3302", 1)))
        got = []
        done.start()
        p = c.publish("dsk/3203", m, "--wait", "collected", "--timeout", "30s")
        done.join()
        assert p.returncode == 0
        assert got[0]["sealed"] == "c2VhbGVkIGJ5dGVz", got
        assert [s["broker"] for s in got[0]["delivery"]["stamps"]] == [R1, "hub", R2], got
        receipt = c.consume("dsk/3203", 1, "--receipts")[0]
        assert receipt["facts"]["message_id"] == m["envelope"]["message_id"], receipt
        assert receipt["facts"]["level"].endswith("COLLECTED"), receipt
        story = c.ctl(R1, "trace", m["envelope"]["message_id"]).stdout
        assert "COLLECTED" in story and "hub" in story, story


def a_duplicate_is_told_its_stored_outcome():
    with tree() as c:
        c.up()
        m = c.message("dsk/3203", "uptd/32/pa-02", created_at=now_text())
        c.publish("dsk/3203", m)
        c.consume("uptd/32/pa-02", 1)
        again = c.publish("dsk/3203", m, "--json")
        assert "DUPLICATE" in again.stdout and "COLLECTED" in again.stdout, again.stdout
        m["envelope"]["region"] = "3204"
        other = c.publish("dsk/3203", m, "--json", check=False)
        assert other.returncode == 1 and "CONFLICT" in other.stdout, other.stdout


def refusals_come_all_at_once_and_store_nothing():
    with tree() as c:
        c.up()
        m = c.message("dsk/3203", "dsk/9999", kind="REFERRAL_REQUEST", region="9999", facts={})
        del m["envelope"]["cluster"]
        p = c.publish("dsk/3203", m, "--json", check=False)
        assert p.returncode == 1, p
        refused = {r["code"] for r in json.loads(p.stdout)["reasons"] if not r["warning"]}
        expected = {"UNKNOWN_RECIPIENT", "R-001", "R-003", "R-005", "R-006", "R-007"}
        assert expected <= refused, (sorted(refused), p.stdout)
        assert c.status(R1)["messages"] == 0


def local_traffic_flows_while_the_hub_is_down_and_the_rest_arrives_later():
    with tree() as c:
        c.up()
        c.kill("hub")
        c.wait_link(R1, "down")
        case = str(uuid.uuid4())
        ids = []
        for n in range(30):
            m = c.message("dsk/3203", ["dsk/3302", "uptd/32/pa-02"], case=case,
                          urgency="EMERGENCY" if n == 20 else "ROUTINE")
            ids.append(m["envelope"]["message_id"])
            c.publish("dsk/3203", m)
        local = c.consume("uptd/32/pa-02", 30)
        assert [g["envelope"]["message_id"] for g in local] == ids
        assert c.status(R2)["messages"] == 0
        c.start("hub")
        c.wait_link(R1)
        remote = c.consume("dsk/3302", 30, timeout="60s")
        assert [g["envelope"]["message_id"] for g in remote] == ids
        wait_for("every receipt", lambda: all(
            r["level"] == "COLLECTED" for i in ids for r in outcome(c, "dsk/3203", i)))
        assert not c.consume("dsk/3302", 1, "--no-settle", timeout="2s")


def a_recall_withdraws_what_was_not_collected():
    with tree() as c:
        c.up()
        m = c.message("dsk/3203", "dsk/3302")
        i = m["envelope"]["message_id"]
        c.publish("dsk/3203", m)
        wait_for("the deposit", lambda: c.status(R2)["messages"] == 1)
        c.ctl("dsk/3203", "recall", i)
        wait_for("the outcome", lambda: outcome(c, "dsk/3203", i)[0]["level"] == "RECALLED")
        assert not c.consume("dsk/3302", 1, timeout="2s")


def a_rejected_message_becomes_a_dead_letter_and_can_be_requeued():
    with tree() as c:
        c.up()
        m = c.message("dsk/3203", "dsk/3302")
        i = m["envelope"]["message_id"]
        c.publish("dsk/3203", m)
        c.consume("dsk/3302", 1, "--reject", "CANNOT_PARSE", "--permanent")
        wait_for("the outcome", lambda: outcome(c, "dsk/3203", i)[0]["level"] == "UNDELIVERABLE")
        dead = c.rows(R2, "dead", "list")
        assert len(dead) == 1 and "CANNOT_PARSE" in json.dumps(dead), dead
        c.ctl(R2, "dead", "requeue", i)
        got = c.consume("dsk/3302", 1)
        assert got[0]["envelope"]["message_id"] == i


def an_expired_message_tells_its_sender():
    with tree() as c:
        c.up()
        m = c.message("dsk/3203", "dsk/3302", expires_at=now_text(3))
        i = m["envelope"]["message_id"]
        c.publish("dsk/3203", m)
        rows = wait_for("the outcome", lambda: [
            r for r in outcome(c, "dsk/3203", i) if r["level"] == "UNDELIVERABLE"])
        assert "EXPIRED" in rows[0]["cause"], rows
        assert not c.consume("dsk/3302", 1, timeout="2s")


def a_named_subscription_survives_disconnection():
    with tree() as c:
        c.up()
        flt = json.dumps({"kinds": ["CAPACITY_UPDATE"], "regions": ["3203"]})
        c.ctl(R1, "subscriptions")
        c.ctl("dsk/3203", "subscribe", "my-cases", "--filter", flt)
        m = c.message("uptd/32/pa-02", "dsk/3302", sealed="c2VhbGVk")
        c.publish("uptd/32/pa-02", m)
        got = c.consume("dsk/3203", 1, "--subscription", "my-cases")
        assert got[0]["envelope"]["message_id"] == m["envelope"]["message_id"]
        assert not got[0].get("sealed"), "a subscriber must not get the sealed part"
        c.ctl("dsk/3203", "unsubscribe", "my-cases")


def a_complaint_is_kept_from_whom_it_is_about():
    with tree() as c:
        c.client("dsp/32", R1)
        c.client("pks/3203052001", R1)
        c.up()
        for node in ("dsk/3203", "dsp/32"):
            c.ctl(node, "subscribe", "complaints")
        about = {"type": "COMPLAINT", "channel": "PUSKESOS", "subject": "STAFF_MISCONDUCT",
                 "received_on": "2025-03-03", "about_node": "dsk/3203"}
        m = c.message("pks/3203052001", "dsp/32", kind="COMPLAINT", facts=about, sealed="c2VhbGVk",
                      sensitivity="SPECIFIC")
        i = m["envelope"]["message_id"]
        c.publish("pks/3203052001", m)
        c.publish("dsp/32", c.message("dsp/32", "pks/3203052001", kind="COMPLAINT_UPDATE", region="32",
                                      facts={"complaint_id": i, "action": "CLASSIFY"}))
        got = c.consume("dsp/32", 2, "--subscription", "complaints")
        assert len(got) == 2 and got[0]["envelope"]["message_id"] == i, got
        assert not c.consume("dsk/3203", 1, "--subscription", "complaints", timeout="2s")
        assert not c.consume("dsk/3203", 1, timeout="2s")
        seen = {n: c.ctl(n, "complaint", i, check=False).returncode
                for n in ("pks/3203052001", "dsp/32", "dsk/3203")}
        assert seen == {"pks/3203052001": 0, "dsp/32": 0, "dsk/3203": 1}, seen


def a_backup_taken_while_running_is_a_working_store():
    with tree() as c:
        c.up()
        ids = []
        for _ in range(20):
            m = c.message("dsk/3203", "uptd/32/pa-02")
            ids.append(m["envelope"]["message_id"])
            c.publish("dsk/3203", m)
        copy = os.path.join(c.folder, "backup.db")
        c.ctl(R1, "backup", copy)
        assert os.path.exists(copy)
        c.stop(R1)
        data = [os.path.join(d, f) for d, _, fs in os.walk(c.dir(R1)) for f in fs
                if f.endswith(".db")]
        assert len(data) == 1, data
        for suffix in ["", "-wal", "-shm"]:
            if os.path.exists(data[0] + suffix):
                os.unlink(data[0] + suffix)
        shutil.copy(copy, data[0])
        os.chmod(data[0], 0o600)
        c.start(R1)
        got = c.consume("uptd/32/pa-02", 20)
        assert sorted(g["envelope"]["message_id"] for g in got) == sorted(ids)
        c.ctl(R1, "check")


if __name__ == "__main__":
    main([v for k, v in list(globals().items())
          if callable(v) and getattr(v, "__module__", "") == "__main__"
          and k.split("_")[0] in ("a", "an", "local", "refusals")])
