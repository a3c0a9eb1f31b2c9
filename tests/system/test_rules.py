# SPDX-License-Identifier: Apache-2.0
"""The law without a broker: `serasictl rules`, `serasictl validate`, and [rules] of serasid.conf."""
import copy
import json
import os
import subprocess
import tempfile

from cluster import BIN, PATIENCE, main

HERE = os.path.dirname(os.path.abspath(__file__))
KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
CLIENT = ("[node]\nid = dsk/3203\nrole = client\n"
          f"[connection]\nendpoint = tcp://127.0.0.1:7021\nkey = {KEY}\n")
HUB = "[node]\nid = hub\nrole = hub\n"


def run(program, *args):
    return subprocess.run([os.path.join(BIN, program), *args], text=True, capture_output=True,
                          timeout=PATIENCE, stdin=subprocess.DEVNULL)


def referral(**changes):
    """A referral to a home, lawful on 10 March 2025, the seventh day; only R-045 warns."""
    with open(os.path.join(HERE, "../examples/s1-04-referral-request.json"), encoding="utf-8") as f:
        m = json.load(f)
    m["envelope"].pop("created_at", None)
    m["facts"].pop("basis", None)
    m["facts"].update(requested_on="2025-03-10", outside_service_started_on="2025-03-03")
    m["facts"].update(changes)
    return m


def validate(message, *args, config=None):
    with tempfile.TemporaryDirectory(prefix="sd-") as folder:
        path = os.path.join(folder, "message.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(message, f)
        before = []
        if config:
            with open(os.path.join(folder, "serasid.conf"), "w", encoding="utf-8") as f:
                f.write(config)
            before = ["--dir", folder]
        return run("serasictl", *before, "validate", path, *args)


def codes(p):
    answer = json.loads(p.stdout)
    return [("(%s)" if r.get("warning") else "%s") % r["code"] for r in answer.get("reasons", [])]


def every_rule_is_listed_without_a_broker():
    p = run("serasictl", "rules", "--json")
    rows = [json.loads(line) for line in p.stdout.splitlines()]
    assert p.returncode == 0 and len(rows) == 87, (p.returncode, len(rows))
    ids = [r["rule"] for r in rows]
    assert ids == sorted(set(ids)) and ids[0] == "R-001" and ids[-1] == "R-162", ids
    assert {r["severity"] for r in rows} == {"REFUSE", "WARN", "TIMER"}
    assert [r["rule"] for r in rows if r["severity"] == "TIMER"] == ["R-033", "R-072", "R-120", "R-152"]
    assert all(r["legal_basis"] and r["text_en"] for r in rows)
    assert len(run("serasictl", "rules").stdout.splitlines()) == 88  # with the heading


def one_rule_says_everything():
    p = run("serasictl", "rules", "R-040", "--json")
    row = json.loads(p.stdout)
    assert row["text_en"] == "Home referral only after 7 days of service.", row
    assert row["text_id"] == "Rujukan ke panti setelah 7 hari layanan.", row
    assert row["deferred_by_emergency"] is True and row["violated_when"] and row["field"], row
    assert row["rule_sets"][0]["version"] == "2021-09", row
    assert row["rule_sets"][0]["home_after_days"] == 7, row
    p = run("serasictl", "rules", "R-040")
    assert "setelah 7 hari" in p.stdout and "P4 Pasal 13" in p.stdout, p.stdout
    p = run("serasictl", "rules", "R-999")
    assert p.returncode == 1 and "R-999" in p.stderr, p


def validate_explains_in_two_languages_with_article_and_rule_set():
    p = validate(referral(), "--at", "2025-03-10", "--json")
    assert p.returncode == 0 and codes(p) == ["(R-045)"], p.stdout
    assert json.loads(p.stdout)["rule_set"] == "2021-09"
    m = referral(outside_service_started_on="2025-03-04")
    p = validate(m, "--at", "2025-03-10", "--json")
    assert p.returncode == 1 and codes(p) == ["R-040", "(R-045)"], p.stdout
    p = validate(m, "--at", "2025-03-10")
    for part in ("REFUSED", "rules of 2021-09", "Home referral only after 7 days of service.",
                 "Rujukan ke panti setelah 7 hari layanan.", "P4 Pasal 13 ayat (1)"):
        assert part in p.stdout, (part, p.stdout)


def validate_judges_as_of_a_day():
    assert codes(validate(referral(), "--at", "2025-03-10", "--json")) == ["(R-045)"]
    assert codes(validate(referral(), "--at", "2025-03-09", "--json")) == ["R-010", "(R-045)"]
    for day in ("2025-02-30", "2025-3-1", "tomorrow", "2025-03-10T"):
        p = validate(referral(), "--at", day)
        assert p.returncode == 2 and day in p.stderr, (day, p)


def a_folder_can_be_stricter_than_the_law():
    at = ("--at", "2025-03-10", "--json")
    p = validate(referral(), *at, config=CLIENT)
    assert p.returncode == 0 and codes(p) == ["(R-045)"], p.stdout
    m = copy.deepcopy(referral(approach="RESIDENTIAL"))
    m["facts"].pop("earlier_approaches", None)
    p = validate(m, *at, config=CLIENT)
    assert p.returncode == 0 and codes(p) == ["(R-013)", "(R-045)"], p.stdout
    p = validate(m, *at, config=CLIENT + "[rules]\nR-013 = refuse\n")
    assert p.returncode == 1 and codes(p) == ["R-013", "(R-045)"], p.stdout


def and_never_milder():
    with tempfile.TemporaryDirectory(prefix="sd-") as folder:
        path = os.path.join(folder, "serasid.conf")
        for line, why in (("R-040 = warn", "milder than the law"), ("R-998 = refuse", "no such rule"),
                          ("R-013 = ignore", "none of warn, refuse"), ("R-152 = warn", "by a timer")):
            with open(path, "w", encoding="utf-8") as f:
                f.write(f"{HUB}[rules]\n{line}\n")
            p = run("serasid", "--config", path, "--print-config")
            where = f"serasid.conf:5: [rules] {line.split()[0]}: "
            assert p.returncode != 0 and where in p.stderr and why in p.stderr, (line, p)
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"{HUB}[rules]\nR-013 = refuse\n")
        p = run("serasid", "--config", path, "--print-config")
        rules = p.stdout.split("\n[rules]\n")[1].split("\n[")[0].splitlines()
        assert p.returncode == 0 and "R-013 = refuse" in rules, p


if __name__ == "__main__":
    main([
        every_rule_is_listed_without_a_broker,
        one_rule_says_everything,
        validate_explains_in_two_languages_with_article_and_rule_set,
        validate_judges_as_of_a_day,
        a_folder_can_be_stricter_than_the_law,
        and_never_milder,
    ])
