# SPDX-License-Identifier: Apache-2.0
"""The phrases that make something happen."""
import uuid

from messages import Mistake, pb
from parse import Send, moment, phrase

UNITS = {"second": 1000, "minute": 60000, "hour": 3600000, "day": 86400000}


@phrase("On {day:day} at {clock:clock} {zone:zone}", "At {clock:clock} {zone:zone}")
def on(script, m):
    fields = m.groupdict()
    ms = moment(script, fields.get("day"), fields["clock"], fields["zone"])
    return lambda world: world.set_time(ms)


@phrase("{n:number} {unit:word} later")
def later(script, m):
    unit = m["unit"].rstrip("s")
    if unit not in UNITS:
        raise Mistake(f'"{m["unit"]}": say seconds, minutes, hours or days')
    return lambda world: world.set_time(world.now_ms() + int(m["n"]) * UNITS[unit])


def said(sent):
    if sent.result is None:
        return "no answer was read"
    words = [pb.Verdict.Name(sent.result.verdict)[len("VERDICT_"):]]
    for r in sent.result.reasons:
        words.append(f"\n{r.code}{' (warning)' if r.warning else ''}: {r.text_english} / "
                     f"{r.text_indonesian}{' [' + r.legal_basis + ']' if r.legal_basis else ''}")
    return "".join(words)


@phrase("{who:node} sends {what:rest}")
def sends(script, m):
    who, send = script.node(m["who"]), Send(script, m["what"])
    script.open_send = send
    return lambda world: said(world.publish(send, who))


@phrase("every {kind:code} of [province] {region:region} but {but:nodes} sends {what:rest}",
        "every {kind:code} of [province] {region:region} sends {what:rest}")
def every_sends(script, m):
    prefix = f"{m['kind']}/{m['region']}"
    but = script.node_list(m.groupdict().get("but") or "")
    nodes = [n for n in script.nodes if n.startswith(prefix) and n not in but]
    send = Send(script, m["what"])
    if not nodes:
        raise Mistake(f"no node of this scenario begins with {prefix}")
    if send.name:
        raise Mistake("what many send has no name of its own: leave out \"NAME =\"")
    script.open_send = send

    def run(world):
        world.many = []
        for n in nodes:
            send.draft.envelope["region"] = n.split("/")[1]  # each about its own
            world.many.append(world.publish(send, n))
        return f"{len(nodes)} messages"
    return run


@phrase("broker {b:node} is killed")
def killed(script, m):
    b = script.broker(m["b"])
    return lambda world: world.end_broker(b, kill=True)


@phrase("broker {b:node} is stopped")
def stopped(script, m):
    b = script.broker(m["b"])
    return lambda world: world.end_broker(b, kill=False)


@phrase("broker {b:node} starts again")
def starts(script, m):
    b = script.broker(m["b"])

    def run(world):
        world.start_broker(b)
        world.settle()
    return run


@phrase("{who:nodes} (goes|go) offline")
def offline(script, m):
    who = script.node_list(m["who"])

    def run(world):
        for n in who:
            world.nodes[n].online = False
            world.nodes[n].drop()
    return run


@phrase("{who:nodes} (comes|come) back")
def back(script, m):
    who = script.node_list(m["who"])

    def run(world):
        for n in who:
            world.nodes[n].online = True
            world.nodes[n].connect()
        world.settle()
    return run


@phrase("{who:node} recalls {name:name}")
def recalls(script, m):
    who, name = script.node(m["who"]), script.needs(m["name"])

    def run(world):
        world.client_ctl(who, "recall", str(uuid.UUID(bytes=world.id_of(name))))
        world.settle()
    return run
