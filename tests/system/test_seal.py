# SPDX-License-Identifier: Apache-2.0
"""Sealed parts over a tree of real brokers with a signed directory: who can open them, who gets a
wrap later, and that no broker ever holds what was sealed."""
import base64
import json
import os
import subprocess
import time
import uuid

from cluster import BIN, Cluster, Skipped, main, may_look_inside, wait_for

R1, R2 = "upt/phala-martha", "upt/satria"
SENDER, FIRST, SECOND, THIRD = "dsk/3203", "dsk/3302", "lksa/3302/0002", "lksa/3302/0003"
NAME, NIK, PHONE = "Sumirahningtyas Wulandhari", "3302017106100003", "+62 811-555-0137"
PLANTS = [NAME, NIK, PHONE, "kerabatnya di Purwojati"]


class SignedCluster(Cluster):
    """Below the hub the directory is believed as the hub signed it, and not imported."""

    def __init__(self, regionals=()):
        self.wraps = {}
        super().__init__(regionals)

    def add_config(self, node, text):
        drop = os.path.join(self.dir(node), "serasid.conf.d")
        os.makedirs(drop, exist_ok=True)
        with open(os.path.join(drop, "hub.conf"), "w") as f:
            f.write(text)

    def hub_key(self):
        return json.loads(self.key("hub"))["key"]["ed25519"]

    def _broker(self, node, parent):
        super()._broker(node, parent)
        if parent:
            self.add_config(node, f"[directory]\nhub-key = {self.hub_key()}\n")

    def client(self, node, home, wraps="addressed", **more):
        super().client(node, home, **more)
        self.add_config(node, f"[connection]\nhub-key = {self.hub_key()}\nwraps = {wraps}\n")

    def up(self):
        self.ctl("hub", "node", "import", self.directory())
        for node in ["hub", *self.regionals]:
            self.start(node)
        for node in self.regionals:
            self.wait_directory(node)
            self.wait_link(node)

    def wait_directory(self, node):
        want = len([x for x in self.lines if '"node"' in x[:8]])
        wait_for(f"the directory at {node}", lambda: len(self.rows(node, "node", "list")) >= want)

    def change(self, *lines):
        """A change of the directory at the hub, and until everybody has it."""
        path = os.path.join(self.folder, "change.jsonl")
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")
        before = self.version("hub")
        self.ctl("hub", "node", "import", path)
        for node in self.regionals:
            wait_for(f"the change at {node}", lambda: self.version(node) > before)

    def version(self, node):
        return self.status(node)["directory_version"]


def tree(wraps="addressed"):
    c = SignedCluster([R1, R2])
    c.client(SENDER, R1, wraps=wraps)
    c.client(FIRST, R2)
    c.client(SECOND, R2)
    c.client(THIRD, R1)
    return c


def finding(c, to, **more):
    sealed = more.pop("sealed", {"person": {"name": NAME, "nik": NIK, "phone": PHONE},
                                 "situation": "tinggal bersama kerabatnya di Purwojati"})
    more.setdefault("region", "3203")
    return c.message(SENDER, to, kind="OUTREACH_FINDING", sensitivity="PROTECTED",
                     legal_basis="PUBLIC_TASK", cluster="SOCIAL_OUTCAST_AND_TRAFFICKING",
                     facts={"found_on": "2026-02-01", "target_unit": "INDIVIDUAL",
                            "criteria": ["VICTIM_OF_VIOLENCE_EXPLOITATION_DISCRIMINATION"],
                            "dtks_status": "LISTED"}, sealed=sealed, **more)


def publish(c, message, check=True):
    p = c.publish(SENDER, message, "--json", check=check)
    return json.loads(p.stdout) if p.stdout else p


def opened(c, node, n=1, timeout="30s"):
    return c.consume(node, n, "--open", timeout=timeout)


def dead_letter(c, node, home, message_id):
    """The recipient cannot do anything with it."""
    c.ctl(node, "consume", "-n", "1", "--reject", "WRONG_PLACE", "--permanent", "--timeout", "20s")
    wait_for("the dead letter", lambda: any(
        r["message_id"] == message_id for r in c.rows(home, "dead", "list")))


def receipts_in_background(c):
    return subprocess.Popen([os.path.join(BIN, "serasictl"), "--dir", c.dir(SENDER), "consume",
                             "--receipts", "--follow", "--json"], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def end(process):
    process.terminate()
    return process.communicate(timeout=30)[0]


def a_sealed_text_opens_for_its_recipient_alone():
    with tree() as c:
        c.up()
        m = finding(c, FIRST)
        answer = publish(c, m)
        assert answer["verdict"] == "ACCEPTED" and "reasons" not in answer, answer
        looked = c.consume(FIRST, 1, "--no-settle")
        assert NAME not in json.dumps(looked) and "opened" not in looked[0], looked
        got = opened(c, FIRST)[0]
        assert got["sealed_state"] == "OPENED" and got["opened"]["person"]["nik"] == NIK, got
        assert "sealed" not in got, got


def a_role_is_resolved_and_sealed_to_as_it_is_accepted():
    with tree() as c:
        c.up()
        m = finding(c, FIRST)
        m["envelope"]["audience"] = {"role": {"kind": "SOCIAL_AGENCY_REGENCY", "region": "3302"}}
        answer = publish(c, m)
        assert [r["node"] for r in answer["recipients"]] == [FIRST], answer
        assert "reasons" not in answer, answer  # SEALED_NOT_FOR would be there
        assert opened(c, FIRST)[0]["opened"]["person"]["name"] == NAME


def who_has_no_key_is_named_and_nothing_is_sent():
    with tree() as c:
        path = os.path.join(c.dir(SECOND), "keys")
        for i, line in enumerate(c.lines):
            key = json.loads(line).get("key")
            if key and key["node"] == SECOND:
                del key["x25519"]
                c.lines[i] = json.dumps({"key": key})
        assert os.path.exists(path), os.listdir(c.dir(SECOND))
        c.up()
        p = c.publish(SENDER, finding(c, [FIRST, SECOND]), "--json", check=False)
        answer = json.loads(p.stdout)
        assert p.returncode == 1 and answer["verdict"] == "REFUSED", p
        assert [(r["code"], r["field"]) for r in answer["reasons"]] == [("NO_SEAL_KEY", SECOND)], \
            answer
        assert c.status(R1)["messages"] == 0


def a_redirected_letter_is_wrapped_for_whom_the_operator_named():
    with tree(wraps="operator") as c:
        c.up()
        m = finding(c, FIRST)
        i = m["envelope"]["message_id"]
        publish(c, m)
        dead_letter(c, FIRST, R2, i)
        c.ctl(R2, "dead", "redirect", i, SECOND, "--recipient", FIRST)
        # without the sender there is no wrap: the facts are there, the text is not
        p = c.ctl(SECOND, "consume", "-n", "1", "--open", "--timeout", "3s", "--json", check=False)
        assert p.returncode == 3 and p.stdout == "" and i in p.stderr, p
        looked = c.consume(SECOND, 1, "--no-settle", timeout="10s")
        assert looked[0]["facts"]["found_on"] == "2026-02-01", looked
        sender = receipts_in_background(c)
        got = opened(c, SECOND, timeout="60s")
        assert got and got[0]["opened"]["person"]["nik"] == NIK, (got, end(sender))
        said = end(sender)
        assert "WRAP_REQUEST" not in said and NIK not in said, said
        asked = c.rows(R2, "ledger", "show", "--kind", "WRAP_ASKED")
        assert [(e["node"], e["message_id"]) for e in asked] == [(SECOND, i)], asked
        # the wrap itself is done with, too
        wait_for("an empty mailbox", lambda: c.consume(SECOND, 1, "--no-settle",
                                                       timeout="2s") == [])


def what_the_policy_does_not_cover_is_asked_of_people():
    with tree() as c:
        c.up()
        m = finding(c, FIRST)
        i = m["envelope"]["message_id"]
        publish(c, m)
        dead_letter(c, FIRST, R2, i)
        c.ctl(R2, "dead", "redirect", i, THIRD, "--recipient", FIRST)
        rows = wait_for("the request", lambda: c.rows(SENDER, "wraps"))
        assert rows[0]["message_id"] == i and rows[0]["recipient_node"] == THIRD, rows
        assert rows[0]["trouble"] == "the node was not addressed", rows
        p = c.ctl(THIRD, "consume", "-n", "1", "--open", "--timeout", "3s", check=False)
        assert p.returncode == 3 and NAME not in p.stdout, p
        c.ctl(SENDER, "wraps", i, "--grant")
        assert opened(c, THIRD, timeout="60s")[0]["opened"]["person"]["name"] == NAME
        assert c.rows(SENDER, "wraps") == []


def a_recipient_with_new_keys_gets_a_wrap_with_the_requeue():
    with tree() as c:
        c.up()
        m = finding(c, FIRST)
        i = m["envelope"]["message_id"]
        publish(c, m)
        dead_letter(c, FIRST, R2, i)
        old = json.loads(c.key(FIRST))
        os.rename(os.path.join(c.dir(FIRST), "keys"), os.path.join(c.dir(FIRST), "keys.lost"))
        c.ctl(FIRST, "keygen", os.path.join(c.dir(FIRST), "keys"))
        old["key"]["revoked"] = True
        c.change(json.dumps(old), c.key(FIRST))
        c.ctl(R2, "dead", "requeue", i)
        sender = receipts_in_background(c)
        got = opened(c, FIRST, timeout="60s")
        assert got and got[0]["opened"]["person"]["nik"] == NIK, (got, end(sender))
        end(sender)


def what_nobody_can_open_does_not_hold_up_its_case_for_ever():
    with tree() as c:
        c.up()
        case = str(uuid.uuid4())
        publish(c, finding(c, SECOND))
        others = c.consume(SECOND, 1, "--no-settle")[0]["sealed"]
        assert publish(c, finding(c, FIRST, case=case, sealed=others))["verdict"] == "ACCEPTED"
        urgent = finding(c, FIRST, case=case, urgency="EMERGENCY")
        assert publish(c, urgent)["verdict"] == "ACCEPTED"
        assert not opened(c, FIRST, timeout="3s")  # in the order of the case
        got = c.consume(FIRST, 1, "--open", "--wrap-wait", "1s")[0]
        assert got["envelope"]["message_id"] == urgent["envelope"]["message_id"], got
        letter = c.rows(R2, "dead", "list")[0]
        assert letter["detail"] == "sealed to others; no wrap came", letter


def an_earlier_key_still_opens_what_was_sealed_to_it():
    with tree() as c:
        c.up()
        publish(c, finding(c, FIRST))
        path = os.path.join(c.dir(FIRST), "keys")
        with open(path) as f:
            lines = dict(x.strip().split(" = ") for x in f if " = " in x)
        pair = base64.b64decode(lines["x25519-public"]) + base64.b64decode(lines["x25519-secret"])
        fresh = os.path.join(c.dir(FIRST), "fresh")
        c.ctl(FIRST, "keygen", fresh)
        with open(fresh) as f:
            new = dict(x.strip().split(" = ") for x in f if " = " in x)
        lines["x25519-public"], lines["x25519-secret"] = new["x25519-public"], new["x25519-secret"]
        with open(path, "w") as f:
            f.writelines(f"{k} = {v}\n" for k, v in lines.items())
        p = c.ctl(FIRST, "consume", "-n", "1", "--open", "--no-settle", "--timeout", "3s", check=False)
        assert p.returncode == 3 and NAME not in p.stdout, p
        with open(path, "a") as f:
            f.write(f"old-x25519 = {base64.b64encode(pair).decode()}\n")
        assert opened(c, FIRST)[0]["opened"]["person"]["name"] == NAME


def a_sealed_file_can_be_published_again():
    with tree() as c:
        c.up()
        m = finding(c, FIRST)
        p = c.ctl(SENDER, "seal", "-", input=json.dumps(m))
        assert NAME not in p.stdout, p.stdout
        sealed = json.loads(p.stdout)
        assert publish(c, sealed)["verdict"] == "ACCEPTED"
        assert publish(c, sealed)["verdict"] == "DUPLICATE"
        # sealed anew it is another message of the same id, and nothing is stored twice
        assert publish(c, m, check=False)["verdict"] == "CONFLICT"
        assert opened(c, FIRST)[0]["opened"]["person"]["name"] == NAME


# --- planted data -------------------------------------------------------------------------------

def needles(plants):
    found = []
    for p in plants:
        found += [p.encode(), p.encode("utf-16-le"), base64.b64encode(p.encode())[:-4]]
    return [n for n in found if len(n) >= 12]


def hits(data, wanted):
    return [n for n in wanted if n in data]


def memory_of(pid):
    """All that a core dump of the process would hold."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            begin, over = (int(x, 16) for x in span.split("-"))
            if "r" not in rights or "[v" in line:
                continue
            for at in range(begin, over, 1 << 24):
                try:
                    memory.seek(at)
                    yield memory.read(min(over - at, (1 << 24) + 256))
                except OSError:
                    break


def everything_of(c, node):
    """(where, bytes) of every file of a broker, its log, a backup and, with leave, its memory."""
    backup = os.path.join(c.dir(node), f"backup-{time.monotonic_ns()}")
    c.ctl(node, "backup", backup)
    wait_for("the backup", lambda: os.path.exists(backup) and os.path.getsize(backup) > 0)
    time.sleep(0.5)
    for folder, _, names in os.walk(c.dir(node)):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    yield path, f.read()
    if may_look_inside(c.process[node].pid):
        for chunk in memory_of(c.process[node].pid):
            yield f"memory of {node}", chunk


def search(c, wanted):
    found = set()
    for node in ["hub", *c.regionals]:
        for where, data in everything_of(c, node):
            found |= {(node, where, n) for n in hits(data, wanted)}
    c.log.flush()
    with open(c.log.name, "rb") as f:
        found |= {("log", c.log.name, n) for n in hits(f.read(), wanted)}
    return found


def ciphertext_of(c, node, message_id):
    """The sealed part as it lies at a broker, out of its middle."""
    got = c.consume(node, 1, "--no-settle")
    assert got and got[0]["envelope"]["message_id"] == message_id, got
    raw = base64.b64decode(got[0]["sealed"])
    return raw[len(raw) // 2:len(raw) // 2 + 40]


def supervisors_and_subscribers_get_no_sealed_part_nor_do_their_brokers():
    with tree() as c:
        home = "lksa/3203/0017"
        c.client("dsp/32", R2)
        c.client(home, R1)
        c.up()
        c.ctl("dsp/32", "subscribe", "province", "--filter", '{"regions": ["32"]}')
        m = finding(c, SENDER)
        m["envelope"]["sender"] = home
        i = m["envelope"]["message_id"]
        answer = json.loads(c.publish(home, m, "--json").stdout)
        assert {(r["node"], r["role"]) for r in answer["recipients"]} >= {
            (SENDER, "ADDRESSEE"), ("dsp/32", "SUPERVISOR")}, answer
        assert "reasons" not in answer, answer  # a supervisor is not to open it: nobody is asked
        body = ciphertext_of(c, SENDER, i)
        copy = c.consume("dsp/32", 1, "--open", "--no-settle")[0]
        assert copy["delivery"]["role"] == "SUPERVISOR" and "sealed" not in copy, copy
        assert copy["sealed_state"] == "NOTHING_SEALED" and "opened" not in copy, copy
        assert copy["facts"]["found_on"] == "2026-02-01" and copy["envelope"]["sealed_digest"]
        # neither on the link that leads to it, nor in the files and the memory behind it
        for node in ["hub", R2]:
            found = {where for where, data in everything_of(c, node) if body in data}
            assert not found, (node, found)
        assert any(body in data for _, data in everything_of(c, R1))  # the search finds it


def nothing_sealed_is_found_at_any_broker_while_its_recipients_read_it():
    with tree(wraps="operator") as c:
        c.client("dsp/33", R2)
        c.up()
        control = "Kontrol Tanpa Segel Bernama"
        wanted = needles(PLANTS)
        sender = receipts_in_background(c)
        m = finding(c, FIRST)
        publish(c, m)
        dead_letter(c, FIRST, R2, m["envelope"]["message_id"])
        c.ctl(R2, "dead", "redirect", m["envelope"]["message_id"], SECOND, "--recipient", FIRST)
        assert opened(c, SECOND, timeout="60s")[0]["opened"]["person"]["nik"] == NIK
        left = finding(c, [FIRST, THIRD])  # some of it still waits
        publish(c, left)
        assert opened(c, THIRD)[0]["opened"]["person"]["nik"] == NIK
        found = search(c, wanted)
        assert not found, sorted(found)[:5]
        end(sender)
        # the same search finds what was not sealed: it can find things
        publish(c, finding(c, [FIRST, SECOND], sealed=base64.b64encode(control.encode()).decode()))
        wait_for("the control", lambda: c.status(R2)["messages"] > 0)
        found = search(c, needles([control]))
        for node in [R1, "hub", R2]:
            assert any(n == node and "memory" not in w for n, w, _ in found), (node, found)
            if not may_look_inside(c.process[node].pid):
                raise Skipped("the files were searched; no leave to look into the memory")
            assert any(n == node and "memory" in w for n, w, _ in found), (node, found)


main([a_sealed_text_opens_for_its_recipient_alone,
      a_role_is_resolved_and_sealed_to_as_it_is_accepted,
      who_has_no_key_is_named_and_nothing_is_sent,
      a_redirected_letter_is_wrapped_for_whom_the_operator_named,
      what_the_policy_does_not_cover_is_asked_of_people,
      a_recipient_with_new_keys_gets_a_wrap_with_the_requeue,
      what_nobody_can_open_does_not_hold_up_its_case_for_ever,
      an_earlier_key_still_opens_what_was_sealed_to_it,
      a_sealed_file_can_be_published_again,
      supervisors_and_subscribers_get_no_sealed_part_nor_do_their_brokers,
      nothing_sealed_is_found_at_any_broker_while_its_recipients_read_it])
