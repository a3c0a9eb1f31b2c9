# SPDX-License-Identifier: Apache-2.0
"""The phrases about who is told what, and how a matter stands: its state, its history, what is
owed, who has to do what; as serasictl says it, to an operator or to an institution."""
import json
import re
import uuid
from datetime import datetime, timedelta

from checks import words
from messages import Failed, Mistake, a_date, a_time, pb, zone_of
from parse import listed, phrase

WORK = {"receive": "TO_RECEIVE", "decide": "TO_DECIDE", "supply": "TO_SUPPLY", "do": "TO_DO"}


# --- who is told what ----------------------------------------------------------------------------


@phrase("{who:nodes} (is|are) told {code:code} about {name:name}",
        "only {only:nodes} (is|are) told {code:code} about {name:name}")
def told(script, m):
    groups = m.groupdict()
    who = script.node_list(groups["who"] if "who" in groups else groups["only"])
    name = script.needs(m["name"])

    def check(world):
        raw, since = world.id_of(name), world.mark

        def there():
            return {t.node for t in world.told if t.notice.code == m["code"] and
                    t.notice.item_id == raw and t.step >= since}

        def problem():
            missing = [n for n in who if n not in there()]
            heard = ", ".join(sorted(f"{t.node} {t.notice.code}" for t in world.told
                                     if t.step >= since)) or "nobody anything"
            return f"{', '.join(missing)} not; told were: {heard}" if missing else None
        world.until(problem)
        if "only" in groups and there() - set(who):
            raise Failed(f"{', '.join(sorted(there() - set(who)))} too")
        texts = {t.notice.english for t in world.told if t.notice.code == m["code"]}
        return "\n".join(sorted(texts))
    return check


@phrase("{who:nodes} (is|are) told {code:code} about the office {about:node}",
        "only {only:nodes} (is|are) told {code:code} about the office {about:node}")
def told_of_office(script, m):
    """Notices about an institution: they name it as who owes the next step."""
    groups = m.groupdict()
    who = script.node_list(groups["who"] if "who" in groups else groups["only"])

    def check(world):
        since = world.mark

        def there():
            return {t.node for t in world.told if t.notice.code == m["code"] and
                    t.notice.owed_by_node == m["about"] and t.step >= since}

        def problem():
            missing = [n for n in who if n not in there()]
            heard = ", ".join(sorted(f"{t.node} {t.notice.code} about {t.notice.owed_by_node}"
                                     for t in world.told if t.step >= since)) or "nobody anything"
            return f"{', '.join(missing)} not; told were: {heard}" if missing else None
        world.until(problem)
        if "only" in groups and there() - set(who):
            raise Failed(f"{', '.join(sorted(there() - set(who)))} too")
    return check


@phrase("nobody is told anything", "nobody is told {code:code} about the office {about:node}",
        "nobody is told {code:code}")
def nobody_told(script, m):
    """Since the clock was set last."""
    code, about = m.groupdict().get("code"), m.groupdict().get("about")

    def check(world):
        world.settle()
        there = [f"{t.node} {t.notice.code}" for t in world.told if t.step >= world.mark and
                 (code is None or t.notice.code == code) and
                 (about is None or t.notice.owed_by_node == about)]
        if there:
            raise Failed(", ".join(sorted(there)))
    return check


# --- how it stands -------------------------------------------------------------------------------


def id_text(world, name):
    return str(uuid.UUID(bytes=world.id_of(name)))


def kept_at(world, name):
    """The broker to ask: the home of whoever opened it."""
    for s in world.sent.values():
        if s.name == name:
            return world.nodes[s.sender].home
        if pb.Envelope.FromString(s.message.envelope).case_id == world.id_of(name):
            return world.nodes[s.sender].home
    return "hub"


def look(world, where, kind, name, by_node=False):
    """What serasictl says of it; None when it knows none."""
    ask = world.client_ctl if by_node else world.ctl
    p = ask(where, kind, id_text(world, name), "--json", check=False)
    if p.returncode == 1:
        return None
    if p.returncode:
        raise Failed(f"serasictl {kind} at {where}: {p.stderr.strip()}")
    return json.loads(p.stdout)


STANDING = re.compile(r"(custodian|owes|target|assignee|opened by|status) (\S+)$|"
                      r"(final|open|flagged|not flagged)$")


def standing(text):
    """`, custodian dsk/3204, owes nobody, final` as (column, value) pairs."""
    out = []
    for part in listed(text):
        m = STANDING.match(part)
        if not m:
            raise Mistake(f'"{part}": after the state come custodian, owes, target, opened by, '
                          "status, final, open, flagged, not flagged")
        if m[1]:
            column = {"opened by": "opened_by", "assignee": "target"}.get(m[1], m[1])
            out.append((column, "" if m[2] == "nobody" else m[2]))
        else:
            out.append(("final", m[3] == "final") if m[3] in ("final", "open") else
                       ("flagged", m[3] == "flagged"))
    return out


def expect_standing(world, where, kind, name, state, more, by_node=False):
    def problem():
        all_of_it = look(world, where, kind, name, by_node)
        if all_of_it is None:
            return f"{where} knows no {kind} {name}"
        there = all_of_it["state"]
        wrong = [f"{c} is {there[c] if there[c] != '' else 'nobody'}" for c, v in more
                 if there[c] != v]
        if there["state"] == state and not wrong:
            return None
        return f"at {where} {name} is {there['state']}" + "".join(f", {w}" for w in wrong)
    world.until(problem)


@phrase("{kind:item} {name:name} is {state:state}",
        "{kind:item} {name:name} is {state:state}, {more:rest}",
        "{kind:item} {name:name} at {at:node} is {state:state}",
        "{kind:item} {name:name} at {at:node} is {state:state}, {more:rest}")
def item_is(script, m):
    groups = m.groupdict()
    script.needs(m["name"])
    at = groups.get("at") and script.broker(groups["at"])
    more = standing(groups["more"]) if groups.get("more") else []

    def check(world):
        expect_standing(world, at or kept_at(world, m["name"]), m["kind"], m["name"], m["state"],
                        more)
    return check


@phrase("{who:node} sees {kind:item} {name:name} as {state:state}",
        "{who:node} sees {kind:item} {name:name} as {state:state}, {more:rest}")
def item_seen(script, m):
    """With the institution's own key, as it would ask itself."""
    script.node(m["who"]), script.needs(m["name"])
    more = standing(m.groupdict().get("more") or "")

    def check(world):
        expect_standing(world, m["who"], m["kind"], m["name"], m["state"], more, by_node=True)
    return check


@phrase("{who:node} may not see {kind:item} {name:name}")
def item_hidden(script, m):
    script.node(m["who"]), script.needs(m["name"])

    def check(world):
        if look(world, m["who"], m["kind"], m["name"], by_node=True):
            raise Failed(f"it is shown to {m['who']}")
    return check


@phrase("nothing is known of {kind:item} {name:name}")
def not_known(script, m):
    script.needs(m["name"])

    def check(world):
        for b in sorted(world.running):
            there = look(world, b, m["kind"], m["name"])
            trace = world.ctl(b, "trace", id_text(world, m["name"]), check=False)
            if there or trace.returncode == 0:
                raise Failed(f"{b} knows of it")
    return check


def states_of(all_of_it):
    out = []
    for row in all_of_it["history"]:
        if row["step"] == "applied" and row["to"] and (not out or out[-1] != row["to"]):
            out.append(row["to"])
    return out


@phrase("the history of {kind:item} {name:name} is {states:states}",
        "the history of {kind:item} {name:name} at {at:node} is {states:states}")
def history(script, m):
    script.needs(m["name"])
    at = m.groupdict().get("at")

    def check(world):
        def problem():
            there = look(world, at or kept_at(world, m["name"]), m["kind"], m["name"])
            states = states_of(there) if there else []
            return None if states == listed(m["states"]) else f"it is {words(states)}"
        world.until(problem)
    return check


@phrase("the stage log of case {name:name} at {at:node} is {first:number} to {last:number}")
def stage_log(script, m):
    """The stages in the order they were reached, and no other."""
    script.needs(m["name"])
    wanted = [str(n) for n in range(int(m["first"]), int(m["last"]) + 1)]

    def check(world):
        def problem():
            there = look(world, m["at"], "case", m["name"])
            states = states_of(there) if there else []
            stages = [s[len("STAGE_"):] for s in states if s.startswith("STAGE_")]
            return None if stages == wanted else f"it is {words(states)}"
        world.until(problem)
    return check


@phrase("{who:nodes} (has|have) [not] acknowledged event {name:name}")
def acknowledged(script, m):
    who, name, yes = script.node_list(m["who"]), script.needs(m["name"]), " not " not in m[0]

    def check(world):
        def problem():
            rows = world.rows(kept_at(world, name), "event", id_text(world, name),
                              "--unacknowledged")
            there = {r["node"]: bool(r["acknowledged_at"]) for r in rows}
            wrong = [n for n in who if there.get(n) != yes]
            return f"told were: {there}" if wrong else None
        world.until(problem)
    return check


# --- what is owed --------------------------------------------------------------------------------


def timer_rows(world, kind, name):
    there = look(world, kept_at(world, name), kind, name)
    return there["owed"] if there else []


def utc_ms(text):
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def end_of(day, region):
    zone = zone_of(region)
    return a_time(a_date(day) + timedelta(days=1), "00:00", zone)


@phrase("{kind:item} {name:name} has the timer {timer:code} until the end of {day:day}",
        "{kind:item} {name:name} has the timer {timer:code} until {day:day} {clock:clock} "
        "{zone:zone}")
def has_timer(script, m):
    groups = m.groupdict()
    script.needs(m["name"])
    a_date(m["day"])

    def check(world):
        def problem():
            rows = timer_rows(world, m["kind"], m["name"])
            mine = [r for r in rows if r["timer"] == m["timer"]]
            if not mine:
                return f"its timers: {words([r['timer'] for r in rows])}"
            due = utc_ms(mine[0]["due_at"])
            if groups.get("clock"):
                want = a_time(a_date(m["day"]), groups["clock"], groups["zone"])
                close = abs(due - want) < 60000
            else:
                close = due == end_of(m["day"], mine[0]["region"] or "32")
            return None if close else f"it is due at {mine[0]['due_at']}"
        world.until(problem)
    return check


@phrase("nothing is owed for {kind:item} {name:name}",
        "{kind:item} {name:name} has no timer {timer:code}")
def no_timer(script, m):
    timer = m.groupdict().get("timer")
    script.needs(m["name"])

    def check(world):
        def problem():
            rows = [r["timer"] for r in timer_rows(world, m["kind"], m["name"])
                    if timer in (None, r["timer"])]
            return f"its timers: {words(rows)}" if rows else None
        world.until(problem)
    return check


@phrase("no timers are open")
def no_timers(script, m):
    """But for the yearly monitoring, which every agency owes always (R-152)."""
    def check(world):
        def problem():
            rows = [f"{r['timer']} of {r['owed_by']}" for b in sorted(world.running)
                    for r in world.rows(b, "due") if r["timer"] != "monitoring"]
            return f"open are: {', '.join(rows)}" if rows else None
        world.until(problem)
    return check


@phrase("the worklist of {who:node} holds {name:name} to {work:word}",
        "the worklist of {who:node} is empty")
def worklist(script, m):
    who, groups = script.node(m["who"]), m.groupdict()
    if groups.get("name"):
        script.needs(groups["name"])
        if groups["work"] not in WORK:
            raise Mistake(f'"{groups["work"]}": work is to {", to ".join(WORK)}')

    def check(world):
        def problem():
            p = world.client_ctl(who, "worklist", "--json")
            rows = [json.loads(line) for line in p.stdout.splitlines()]
            there = [f"{r['kind']} {world.name_of(uuid.UUID(r['id']).bytes)} {r['work']}"
                     for r in rows if r["kind"] != "node"]
            if not groups.get("name"):
                return f"it holds {words(there)}" if there else None
            mine = [r for r in rows if r["id"] == id_text(world, groups["name"])]
            if mine and mine[0]["work"] == WORK[groups["work"]]:
                return None
            return f"it holds {words(there)}"
        world.until(problem)
    return check


@phrase("the report of {region:region} for {who:node} shows {kind:item} {state:state} {count:word}")
def report(script, m):
    who = script.node(m["who"])

    def check(world):
        def problem():
            p = world.client_ctl(who, "report", m["region"], "--json")
            rows = [json.loads(line) for line in p.stdout.splitlines()]
            there = [f"{r['kind']} {r['state']} {r['count']}" for r in rows]
            want = f"{m['kind']} {m['state']} {m['count']}"
            return None if want in there else f"it shows {words(there)}"
        world.until(problem)
    return check
