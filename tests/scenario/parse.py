# SPDX-License-Identifier: Apache-2.0
"""Reads a scenario: plain text, one line a step (README.md has the vocabulary).

Every line is understood before anything runs. A mistake names file and line and says what would
have been right. What a step does is found in actions.py and checks.py, in tables of phrases.
"""
import difflib
import json
import os
import re

import messages
from messages import Draft, Mistake, a_date, a_time, closest, kind_names

TYPES = {
    "node": r"(?!(?:nobody|nothing|it|all|every|only)\b)[a-z][a-z0-9]*(?:/[a-z0-9][a-z0-9-]*)*",
    "name": r"[A-Z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*",
    "code": r"[A-Za-z][A-Za-z0-9_-]*",
    "state": r"[A-Z][A-Z0-9_]*",
    "day": r"\d{4}-\d\d-\d\d", "clock": r"\d?\d[:.]\d\d(?:[:.]\d\d)?", "zone": r"[A-Z]+",
    "number": r"\d+", "word": r"\S+", "rest": r".+", "quoted": r'"[^"]*"',
    "item": r"referral|complaint|case|event|proposal",
    "region": r"\d+",
}
for one in ("node", "name", "code", "state", "item"):
    TYPES[one + "s"] = (rf"(?:{TYPES[one]})"
                        rf"(?:(?:\s*,\s*(?:and\s+|or\s+)?|\s+and\s+|\s+or\s+)(?:{TYPES[one]}))*")


def listed(text):
    return [w for w in re.split(r"\s*,\s*(?:and\s+|or\s+)?|\s+(?:and|or)\s+", text.strip()) if w]


class Phrase:
    """`{who:nodes} get[s] a facts copy of {name:name}`: {field:type}, [left out or not], a|b."""

    def __init__(self, pattern, make):
        self.pattern, self.make = pattern, make
        out = ""
        pattern = pattern.replace(" [", "[ ")
        for part in re.split(r"(\{\w+:\w+\}|\[[^\]]*\]|\([^)]*\))", pattern):
            if part.startswith("{"):
                field, kind = part[1:-1].split(":")
                out += f"(?P<{field}>{TYPES[kind]})"
            elif part.startswith("["):
                out += f"(?:{self.words(part[1:-1])})?"
            elif part.startswith("("):
                out += "(?:" + "|".join(self.words(p) for p in part[1:-1].split("|")) + ")"
            else:
                out += self.words(part)
        self.regex = re.compile(out + r"\Z", re.IGNORECASE if "{" not in pattern else 0)
        self.head = re.sub(r"[\[\](){}|]", " ", re.sub(r"\{\w+:(\w+)\}", r"\1", pattern))

    @staticmethod
    def words(text):
        return re.sub(r"\s+", r"\\s+", re.escape(text).replace("\\ ", " "))


PHRASES = []


def phrase(*patterns):
    """Registers make(script, match) -> step(world) for these ways to say it."""
    def register(make):
        PHRASES.extend(Phrase(p, make) for p in patterns)
        return make
    return register


class Step:
    def __init__(self, line, text, run, is_check):
        self.line, self.text, self.run, self.is_check = line, text, run, is_check


class Script:
    def __init__(self, path):
        self.path, self.line = path, 0
        self.title, self.brokers, self.nodes = "", [], {}
        self.people, self.defaults, self.steps = [], {}, []
        self.names, self.cases = set(), set()
        self.open_send = None  # the message whose facts the following lines may add to
        self.day = None
        self.complaints = []

    def where(self):
        return f"{os.path.relpath(self.path)}:{self.line}"

    # --- lines -------------------------------------------------------------------------------
    def read(self):
        try:
            with open(self.path, encoding="utf-8") as f:
                lines = f.read().splitlines()
        except (OSError, UnicodeError) as e:
            self.complaints.append(f"{self.path}: {e}")
            return self
        for self.line, raw in enumerate(lines, 1):
            text = strip(raw)
            if not text:
                continue
            try:
                self.take(text, raw)
            except Mistake as e:
                self.complaints.append(f"{self.where()}: {e}")
        self.line = len(lines)
        if not self.steps and not self.complaints:
            self.complaints.append(f"{self.where()}: nothing happens in this scenario")
        return self

    def take(self, text, raw):
        for word, reader in HEADERS.items():
            m = re.match(word, text, re.IGNORECASE)
            if m:
                reader(self, m, text[m.end():].strip())
                return
        if self.is_facts(text):
            self.open_send.draft.say(text)
            for name in self.open_send.draft.names():
                self.needs(name, self.open_send.name)
            self.steps.append(Step(self.line, raw.rstrip(), None, False))
            return
        run, is_check = self.understand(text, indented=raw[:1].isspace())
        self.steps.append(Step(self.line, raw.rstrip(), run, is_check))

    def is_facts(self, text):
        """Lines after a message that begin with the name of one of its fields add to it."""
        if not self.open_send or self.open_send.again:
            return False
        word = text.split()[0].rstrip(",")
        return word in ("without", "plus") or self.open_send.draft.field(word) is not None

    def understand(self, text, indented=False):
        for p in PHRASES:
            m = p.regex.match(text)
            if m:
                before = self.open_send
                step = p.make(self, m)
                if self.open_send is before:
                    self.open_send = None
                return step, p.make.__module__ != "actions"
        fields = self.open_send.draft.descriptor().fields_by_name if self.open_send and \
            self.open_send.draft else {}
        word = text.split()[0]
        if indented and fields and ("_" in word or closest(word, fields)):
            self.open_send.draft.say(text)  # says which fields there are
        raise Mistake(f'"{text}" is not understood' + self.hint(text))

    @staticmethod
    def hint(text):
        text = re.sub(r"\s+", " ", text)
        near = difflib.get_close_matches(text, [p.head for p in PHRASES], 2, 0.3)
        return "; near to it are: " + " | ".join(
            p.pattern for p in PHRASES if p.head in near) if near else "; see README.md"

    # --- what is declared --------------------------------------------------------------------
    def node(self, name):
        if name not in self.nodes:
            raise Mistake(f'"{name}" is not among the Nodes of this scenario'
                          + closest(name, self.nodes))
        return name

    def node_list(self, text):
        return [self.node(n) for n in listed(text)]

    def broker(self, name):
        if name not in self.brokers:
            raise Mistake(f'"{name}" is not among the Brokers: {", ".join(self.brokers)}')
        return name

    def needs(self, name, own=None):
        if name not in self.names and name not in self.cases and name != own:
            raise Mistake(f'"{name}" was not sent before'
                          + closest(name, self.names | self.cases))
        return name

    def planted(self):
        """What may be in no log, no answer and no clear part."""
        return [x for p in self.people for x in p]

    def sealed_text(self):
        lines = [f"Nama: {name}\nNIK: {nik}" for name, nik in self.people]
        return ("\n".join(lines) + "\nUraian: ditemukan sendirian, perlu pertolongan segera.\n"
                ).encode()


def strip(raw):
    """Without comments (# ...) and the words in brackets, where the Indonesian terms stand."""
    raw = re.sub(r"(^|\s)#.*", "", raw)
    parts = re.split(r'("[^"]*")', raw)
    parts[::2] = [re.sub(r"\s*\([^)]*\)", "", p) for p in parts[::2]]
    return re.sub(r"\s+", " ", "".join(parts)).strip().rstrip(".").strip()


# --- the head of a scenario ----------------------------------------------------------------------


def read_title(s, m, rest):
    s.title = m[1].strip() + ": " + rest


def read_brokers(s, m, rest):
    s.brokers = listed(rest)
    if s.brokers[:1] != ["hub"]:
        raise Mistake('the first of the Brokers is "hub"; then the regional ones, upt/...')


def read_nodes(s, m, rest):
    home = s.broker(m[1])
    for word in listed(rest):
        every = re.fullmatch(r"every (\w+) of (?:province )?(\d+)", word)
        for node in institutions(every[1], every[2]) if every else [word]:
            if not messages.NODE.match(node):
                raise Mistake(f'"{node}" is no node; a node is written dsk/3204')
            s.nodes[node] = home


def institutions(kind, region):
    found = []
    with open(os.path.join(messages.HERE, "../fixtures/directory/directory.jsonl"),
              encoding="utf-8") as f:
        found = re.findall(rf'{{"node":{{"id":"({kind}/{region}[^"]*)"', f.read())
    if not found:
        raise Mistake(f"there is no {kind} of {region} in the directory")
    return found


def read_people(s, m, rest):
    for word in listed(rest):
        one = re.fullmatch(r"(\D+?) (\d{16})", word)
        if not one:
            raise Mistake(f'"{word}": a person is written with name and NIK of 16 digits; invented')
        s.people.append((one[1], one[2]))


def read_defaults(s, m, rest):
    d = Draft("RECEIPT")
    d.say(rest)
    s.defaults.update(d.envelope)


def read_law(s, m, rest):
    """For people."""


HEADERS = {
    r"Scenario\s+([^:]+):": read_title,
    r"Law:": read_law,
    r"Brokers:": read_brokers,
    r"Nodes at (\S+):": read_nodes,
    r"People:": read_people,
    r"Unless said otherwise:": read_defaults,
}


# --- sending -------------------------------------------------------------------------------------


class Send:
    """`R1 = REFERRAL_REQUEST to uptd/32/pa-02 about case C1: emergency`"""

    def __init__(self, script, text):
        self.name = self.case = self.on = None
        self.anew = self.again = self.crash = False
        self.audience = ("none", None)
        text, sep, facts = text.partition(": ")
        self.crash, text = cut(text, r" and crashes before the answer$")
        m = re.match(rf"(?:({TYPES['name']}) = )?(\S+)(.*)", text)
        self.name, what, rest = m[1], m[2], m[3]
        if rest.strip() == "again" and not self.name:
            self.name, self.again, self.draft = script.needs(what), True, None
            return
        self.draft = draft_of(what)
        if self.draft.source:
            self.audience = ("file", None)
        self.options(script, rest)
        if sep:
            self.draft.say(facts)
            for name in self.draft.names():
                script.needs(name, self.name)
        if self.name:
            script.names.add(self.name)

    def options(self, script, rest):
        self.anew, rest = cut(rest, r" anew\b")
        m = re.search(rf" as ({TYPES['name']})", rest)
        if m:
            self.name, rest = m[1], rest.replace(m[0], "", 1)
        m = re.search(rf" about case ({TYPES['name']})", rest)
        if m:
            self.case, rest = m[1], rest.replace(m[0], "", 1)
            script.cases.add(m[1])
        m = re.search(rf" on ({TYPES['name']})", rest)
        if m:
            self.on, rest = script.needs(m[1]), rest.replace(m[0], "", 1)
        m = re.search(r" to (.+)$", rest)
        if m:
            self.audience, rest = audience(m[1].strip()), rest.replace(m[0], "", 1)
        if rest.strip():
            raise Mistake(f'"{rest.strip()}" is not understood: after the message come "as NAME", '
                          '"to NODES", "about case NAME", "on NAME", "anew", "again"')


def cut(text, pattern):
    out = re.sub(pattern, "", text)
    return out != text, out


def draft_of(what):
    """From the kind, or from a message file."""
    kinds = kind_names()
    if what in kinds:
        return Draft(what)
    if re.fullmatch(r"[a-z]+\d*-[a-z0-9-]+", what):
        path = os.path.join(messages.EXAMPLES, what + ".json")
        if not os.path.exists(path):
            files = [f[:-5] for f in os.listdir(messages.EXAMPLES) if f.endswith(".json")]
            raise Mistake(f"there is no tests/examples/{what}.json" + closest(what, files))
        with open(path, encoding="utf-8") as f:
            source = json.load(f)
        kind = source["envelope"]["kind"].replace("MESSAGE_KIND_", "")
        return Draft(kind, source)
    raise Mistake(f'"{what}" is neither a kind of message such as REFERRAL_REQUEST nor a file of '
                  "tests/examples such as s1-04-referral-request" + closest(what, kinds))


def audience(text):
    m = re.fullmatch(r"(?:the )?role (\w+) at (\d*)", text)
    if m:
        field = messages.pb.RoleAtRegion.DESCRIPTOR.fields_by_name["kind"]
        messages.one_value([m[1]], field)
        return "role", {"kind": m[1], "region": m[2]}
    m = re.fullmatch(r"(?:the )?(?:event )?scope (\d+(?:\s*,\s*\d+)*)", text)
    if m:
        return "scope", listed(m[1])
    nodes = listed(text)
    for n in nodes:
        if not messages.NODE.match(n):
            raise Mistake(f'"{n}" is no node; say "to dsk/3204", "to role KIND at REGION" or '
                          '"to scope REGION"')
    return "to", nodes


def moment(script, day, clock, zone):
    script.day = a_date(day) if day else script.day
    if not script.day:
        raise Mistake("the first time of a scenario has a day: On 2025-03-08 at 09:00 WIB")
    return a_time(script.day, clock, zone)
