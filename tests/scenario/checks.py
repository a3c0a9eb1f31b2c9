# SPDX-License-Identifier: Apache-2.0
"""The phrases that say what must have been answered, and who must have got what. A check that does
not hold raises Failed with what was there instead; what takes a moment to come is waited for."""
import json
import re
import uuid

from messages import Failed, Mistake, closest, facts_class, pb
from parse import TYPES, listed, phrase

VERDICTS = {pb.VERDICT_ACCEPTED: "accepted", pb.VERDICT_DUPLICATE: "a duplicate",
            pb.VERDICT_CONFLICT: "a conflict", pb.VERDICT_REFUSED: "refused"}


# --- the answer ----------------------------------------------------------------------------------


def answer(world):
    if not world.last or not world.last.result:
        raise Failed("nothing was answered yet")
    return world.last.result


def codes_of(result, warning):
    return sorted(r.code for r in result.reasons if r.warning == warning)


def words(codes):
    return ", ".join(codes) or "nothing"


def expect_verdict(world, verdict):
    r = answer(world)
    if r.verdict != verdict:
        raise Failed(f"it is {VERDICTS.get(r.verdict, r.verdict)} with "
                     f"{words([x.code for x in r.reasons])}")
    return r


def expect_codes(result, codes, warning, what):
    there = codes_of(result, warning)
    if there != sorted(codes):
        raise Failed(f"it {what} {words(there)}")


@phrase("it is accepted", "it is accepted with (warning|warnings) {codes:codes} [only]",
        "it is accepted with (warning|warnings) {codes:codes}",
        "all are accepted", "all are accepted with (warning|warnings) {codes:codes}")
def accepted(script, m):
    codes = listed(m.groupdict().get("codes") or "")
    codes = [c for c in codes if c != "only"]

    def check(world):
        many = world.many if m[0].startswith("all") else [world.last]
        for world.last in many:
            expect_codes(expect_verdict(world, pb.VERDICT_ACCEPTED), codes, True, "warns of")
    return check


@phrase("it is refused with {codes:codes} [only]", "it is refused with {codes:codes}")
def refused(script, m):
    codes = listed(re.sub(r"\s+only$", "", m["codes"]))

    def check(world):
        expect_codes(expect_verdict(world, pb.VERDICT_REFUSED), codes, False, "is refused with")
    return check


@phrase("it is refused, among others with {codes:codes}")
def refused_among(script, m):
    def check(world):
        there = codes_of(expect_verdict(world, pb.VERDICT_REFUSED), False)
        if set(listed(m["codes"])) - set(there):
            raise Failed(f"it is refused with {words(there)}")
    return check


@phrase("it is a duplicate")
def duplicate(script, m):
    return lambda world: expect_verdict(world, pb.VERDICT_DUPLICATE) and None


@phrase("it is a conflict")
def conflict(script, m):
    return lambda world: expect_verdict(world, pb.VERDICT_CONFLICT) and None


@phrase("it says {text:quoted}")
def says(script, m):
    text = m["text"].strip('"')

    def check(world):
        there = [t for r in answer(world).reasons for t in (r.text_english, r.text_indonesian)]
        if text not in there:
            raise Failed("it says: " + " | ".join(there))
    return check


@phrase("{who:node} cannot say {field:code} {word:state} in a {kind:state}")
def cannot_say(script, m):
    """The word is in no list of codes: neither schema nor command line lets it pass."""
    who, kind = script.node(m["who"]), m["kind"]
    field = facts_class(kind).DESCRIPTOR.fields_by_name.get(m["field"])
    if field is None or not field.enum_type:
        raise Mistake(f'{kind} has no field "{m["field"]}" with a list of codes')

    def check(world):
        known = [v.name for v in field.enum_type.values if v.name.endswith(m["word"])]
        if known:
            raise Failed(f"there is {known[0]}")
        message = {"envelope": {"kind": kind, "audience": {"to": ["hub"]},
                                "urgency": "ROUTINE", "sensitivity": "INTERNAL"},
                   "facts": {field.name: m["word"]}}
        p = world.client_ctl(who, "publish", "-", input=json.dumps(message), check=False)
        world.outputs.append(p.stderr)
        if p.returncode == 0 or m["field"] not in p.stderr:
            raise Failed(f"serasictl publish: exit {p.returncode}, {p.stderr.strip()}")
        return p.stderr.strip().splitlines()[-1]
    return check


# --- who got what --------------------------------------------------------------------------------


def copies(world, name):
    raw = world.id_of(name)
    return [g for g in world.got if g.id == raw]


def holders(world, name):
    roles = {pb.RECIPIENT_ROLE_ADDRESSEE: "addressee", pb.RECIPIENT_ROLE_SUPERVISOR: "supervisor"}
    return ", ".join(f"{g.node} as {roles.get(g.role, g.role)}" for g in copies(world, name)) \
        or "nobody"


def one_copy(world, name, node, role, what):
    def problem():
        mine = [g for g in copies(world, name) if g.node == node]
        if len(mine) == 1 and mine[0].role == role:
            return None
        return f"{node} did not get {name} {what}: {holders(world, name)} got it"
    world.until(problem)
    return next(g for g in copies(world, name) if g.node == node)


@phrase("{who:nodes} (gets|get) {names:names} [once]")
def gets(script, m):
    who = script.node_list(m["who"])
    names = [script.needs(n) for n in listed(re.sub(r"\s+once$", "", m["names"]))]

    def check(world):
        for name in names:
            for node in who:
                g = one_copy(world, name, node, pb.RECIPIENT_ROLE_ADDRESSEE, "as addressee")
                if g.sealed != world.sent[name].message.sealed:
                    raise Failed(f"the sealed part of {name} for {node} is not the one sent")
                if g.facts != world.sent[name].message.facts:
                    raise Failed(f"the facts of {name} for {node} are not those sent")
    return check


@phrase("{who:nodes} (gets|get) a facts copy of {names:names} [without sealed bytes]",
        "{who:nodes} (gets|get) a facts copy of {names:names}")
def gets_copy(script, m):
    who = script.node_list(m["who"])
    names = [script.needs(n) for n in listed(m["names"])]

    def check(world):
        for name in names:
            for node in who:
                g = one_copy(world, name, node, pb.RECIPIENT_ROLE_SUPERVISOR, "as supervisor")
                if g.sealed or g.facts != world.sent[name].message.facts:
                    raise Failed(f"the copy of {name} for {node} is not the facts alone")
    return check


@phrase("nobody else gets {names:names}")
def nobody_else(script, m):
    """But those whom a line of this scenario names as getting it."""
    names = [script.needs(n) for n in listed(m["names"])]
    named = {n: set() for n in names}
    for step in script.steps:
        line = step.text.strip()
        said = re.match(rf"({TYPES['nodes']}) gets? (?:a facts copy of )?({TYPES['names']})", line)
        for n in listed(said[2]) if said else []:
            if n in named:
                named[n] |= set(listed(said[1]))

    def check(world):
        for name in names:
            result = world.sent[name].result
            there = {r.node for r in result.recipients} | {g.node for g in copies(world, name)}
            if there - named[name]:
                raise Failed(f"{', '.join(sorted(there - named[name]))} got {name} too")
    return check


@phrase("{who:nodes} (gets|get) nothing of {names:names}", "nobody gets {names:names}")
def gets_nothing(script, m):
    """Nor was it meant for them; or it was withdrawn before they had it."""
    who = script.node_list(m["who"]) if m.groupdict().get("who") else None
    names = [script.needs(n) for n in listed(m["names"])]

    def check(world):
        world.settle()
        for name in names:
            there = [g.node for g in copies(world, name) if who is None or g.node in who]
            result = world.sent[name].result
            there += [r.node for r in (result.recipients if result else [])
                      if (who is None or r.node in who) and
                      r.node not in world.withdrawn_from(name)]
            if there:
                raise Failed(f"{', '.join(there)} got {name}")
    return check


@phrase("nothing reaches {who:nodes}")
def nothing_reaches(script, m):
    """Since the last message or time."""
    who = script.node_list(m["who"])

    def check(world):
        since = world.last_deed
        world.settle()
        there = [f"{g.node} got {world.name_of(g.id)}" for g in world.got
                 if g.node in who and g.step >= since]
        there += [f"{t.node} was told {t.notice.code}" for t in world.told
                  if t.node in who and t.step >= since]
        if there:
            raise Failed("; ".join(there))
    return check


@phrase("{who:node} has {n:number} messages from {senders:code} of [province] {region:region}")
def has_messages(script, m):
    who, prefix = script.node(m["who"]), f"{m['senders']}/{m['region']}"

    def check(world):
        def problem():
            n = len([g for g in world.got
                     if g.node == who and g.envelope.sender.startswith(prefix)])
            return None if n == int(m["n"]) else f"{who} has {n} of them"
        world.until(problem)
    return check


@phrase("in all {n:number} supervision copies went out, none with sealed bytes")
def all_copies(script, m):
    def check(world):
        world.settle()
        there = [f"{s.name} to {r.node}" for s in world.sent.values()
                 for r in (s.result.recipients if s.result else [])
                 if r.role == pb.RECIPIENT_ROLE_SUPERVISOR]
        if len(there) != int(m["n"]):
            raise Failed(f"{len(there)}: {'; '.join(there)}")
    return check


@phrase("{who:node} has a receipt {level:state} for {name:name} from {others:nodes}")
def has_receipt(script, m):
    who, name = script.node(m["who"]), script.needs(m["name"])

    def check(world):
        raw, level = world.id_of(name), pb.ReceiptLevel.Value("RECEIPT_LEVEL_" + m["level"])

        def problem():
            there = {r.recipient: pb.ReceiptLevel.Name(r.level) for n, r in world.receipts
                     if n == who and r.message_id == raw and r.level == level}
            missing = [o for o in listed(m["others"]) if o not in there]
            return f"no such receipt from {', '.join(missing)}" if missing else None
        world.until(problem)
    return check


# --- what a message shows ------------------------------------------------------------------------


@phrase("{name:name} shows {field:code} {value:word}")
def shows(script, m):
    name, field = script.needs(m["name"]), m["field"]
    if field not in pb.Envelope.DESCRIPTOR.fields_by_name:
        raise Mistake(f'the header has no field "{field}"'
                      + closest(field, pb.Envelope.DESCRIPTOR.fields_by_name))

    def check(world):
        for g in copies(world, name):
            there = getattr(g.envelope, field)
            if str(there) != m["value"]:
                raise Failed(f"{field} is {there} in the copy of {g.node}")
        if not copies(world, name):
            raise Failed(f"nobody has {name} yet")
    return check


@phrase("{name:name} shows no PPKS type")
def shows_no_type(script, m):
    name = script.needs(m["name"])
    types = [v.name[len("PPKS_TYPE_"):] for v in pb.PpksType.DESCRIPTOR.values if v.number]

    def check(world):
        s = world.sent[name]
        clear = f"{pb.Envelope.FromString(s.message.envelope)}" \
                f"{facts_class(s.kind).FromString(s.message.facts)}"
        there = [t for t in types if re.search(rf"\b{t}\b", clear)]
        if there or "ppks_type" in clear:
            raise Failed(f"it shows {', '.join(there) or 'ppks_types'}")
    return check


@phrase("{name:name} rides in the lane {lane:state}")
def lane(script, m):
    name = script.needs(m["name"])

    def check(world):
        raw, home = world.id_of(name), world.nodes[world.sent[name].sender].home
        there = [r["lane"] for r in world.rows(home, "messages")
                 if uuid.UUID(r["message_id"]).bytes == raw]
        if there != [m["lane"]]:
            raise Failed(f"it rides in {words(there)}")
    return check


# --- turned round --------------------------------------------------------------------------------


@phrase("it would be wrong to say: {text:rest}")
def wrong(script, m):
    """For the checks themselves: this one must fail."""
    step, is_check = script.understand(m["text"])
    if not is_check:
        raise Mistake("only a check can be wrong to say")

    def check(world):
        before, world.patience = world.patience, 0.3
        try:
            step(world)
        except Failed as e:
            return f"rightly: {e}"
        finally:
            world.patience = before
        raise Failed("it held")
    return check
