# SPDX-License-Identifier: Apache-2.0
"""What is in a message, said in words: `referral_kind TO_SOCIAL_HOME, documents 1 from dsk/3204`.

Words become a dictionary as in the message files (proto/PROTOCOL.md, section 16), a dictionary
becomes protobuf. Names of messages and cases, `today` and `now` are filled in when it is sent.
Whatever is wrong is said as a Mistake, which says what would have been right.
"""
import base64
import difflib
import hashlib
import os
import re
import sys
import uuid
from datetime import date, datetime, timedelta, timezone

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../system"), os.path.join(HERE, "../system/pyclient")]
import serasi_client as sc  # noqa: E402,F401
from serasi_client import pb  # noqa: E402

EXAMPLES = os.path.join(HERE, "../examples")
ZONES = {"WIB": 7, "WITA": 8, "WIT": 9, "UTC": 0}
CERTIFIED_UNTIL = "2027-12-31"  # of people whose certificate the scenario says nothing about
NAME = re.compile(r"[A-Z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$")
NODE = re.compile(r"[a-z][a-z0-9]*(/[a-z0-9][a-z0-9-]*)*$")
OURS = {"message_id", "kind", "schema", "sender", "audience", "created_at", "facts_digest",
        "sealed_digest"}  # filled in, or said otherwise
REPEATED = 3


class Mistake(Exception):
    """Something in a script that cannot be; says what was expected."""


class Failed(Exception):
    """Something that is not as the script says; says what was there instead."""


class Ref(str):
    """The name of a message or a case: its id is put in when it is known."""


def closest(word, words):
    near = difflib.get_close_matches(word, list(words), 3, 0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""


# --- codes ---------------------------------------------------------------------------------------


def kind_names():
    return {n[len("MESSAGE_KIND_"):]: v for n, v in pb.MessageKind.items()}


def kind_name(number):
    return pb.MessageKind.Name(number)[len("MESSAGE_KIND_"):]


def facts_class(kind):
    return getattr(pb, "".join(w.capitalize() for w in kind.split("_")))


def enum_prefix(enum):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", enum.name).upper() + "_"


def enum_words(enum):
    return [v.name[len(enum_prefix(enum)):] for v in enum.values if v.number]


def enum_number(enum, word):
    names = {v.name: v.number for v in enum.values}
    for name in (word, enum_prefix(enum) + word):
        if name in names:
            return names[name]
    if word.isdigit() and int(word) in names.values():
        return int(word)
    return None


# --- time ----------------------------------------------------------------------------------------


def a_date(text):
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Mistake(f'"{text}" is no day; a day is written 2025-03-08') from None


def a_time(day, clock, zone):
    """Milliseconds since 1970."""
    m = re.fullmatch(r"([01]?\d|2[0-3])[:.]([0-5]\d)(?:[:.]([0-5]\d))?", clock)
    if not m:
        raise Mistake(f'"{clock}" is no hour; an hour is written 09:00')
    if zone not in ZONES:
        raise Mistake(f'"{zone}" is no zone; the zones are WIB, WITA and WIT')
    moment = datetime(day.year, day.month, day.day, int(m[1]), int(m[2]), int(m[3] or 0),
                      tzinfo=timezone(timedelta(hours=ZONES[zone])))
    return int(moment.timestamp() * 1000)


def zone_of(region):
    """WIB for 11-36, 61 and 62; WITA for 51-53, 63-65 and 71-76; WIT beyond (domain 3)."""
    p = region[:2]
    if p[:1] in ("8", "9"):
        return "WIT"
    return "WITA" if p in ("51", "52", "53", "63", "64", "65") or p[:1] == "7" else "WIB"


# --- words to a dictionary -----------------------------------------------------------------------


def split_commas(text):
    parts, quoted, now = [], False, ""
    for c in text:
        quoted ^= c == '"'
        if c == "," and not quoted:
            parts.append(now)
            now = ""
        else:
            now += c
    return [p.strip() for p in [*parts, now] if p.strip()]


def words_of(text):
    return [w[1:-1] if w.startswith('"') else w for w in re.findall(r'"[^"]*"|\S+', text)]


def fields_of(words, descriptor, what):
    """`key value key value`: the fields of a message within a message."""
    out, names = {}, descriptor.fields_by_name
    if not words or words[0] not in names:
        raise Mistake(f"{what} wants words such as {', '.join(sorted(names))}")
    at = [i for i, w in enumerate(words) if w in names] + [len(words)]
    for begin, end in zip(at, at[1:]):
        field = names[words[begin]]
        value = one_value(words[begin + 1:end], field)
        if field.label == REPEATED:
            out.setdefault(field.name, []).append(value)
        else:
            out[field.name] = value
    return out


def a_document(words, what):
    """`1 from dsk/3204 on 2025-03-07 number 460/12`"""
    enum = pb.DocumentRef.DESCRIPTOR.fields_by_name["type"].enum_type
    number = enum_number(enum, words[0]) if words else None
    if not number:
        raise Mistake(f"{what} begins with the kind of document: 1 to 16, or one of "
                      f"{', '.join(enum_words(enum))}")
    out = {"type": enum.values_by_number[number].name, "media_type": "application/pdf",
           "size": 100000 + number}
    rest = words[1:]
    while rest:
        if len(rest) < 2 or rest[0] not in ("from", "on", "number"):
            raise Mistake(f'{what}: after the kind come "from", "on" and "number", not "{rest[0]}"')
        key, value, rest = rest[0], rest[1], rest[2:]
        if key == "number":
            out["number"] = value
        elif key == "on":
            out["issued_on"] = value if value == "today" else a_date(value).isoformat()
        elif NODE.match(value):
            out["issuer"] = value
        else:
            one_value([value], pb.DocumentRef.DESCRIPTOR.fields_by_name["issuer_kind"])
            out["issuer_kind"] = value
    out.setdefault("issued_on", "today")
    if "issuer" not in out:
        out.setdefault("issuer_kind", "OTHER")
    return out


def a_person(words, what):
    """`SOCIAL_WORKER supervising certified until 2027-12-31`; people have roles, never names."""
    enum = pb.RoleRef.DESCRIPTOR.fields_by_name["role"].enum_type
    if not words or enum_number(enum, words[0]) is None:
        raise Mistake(f"{what} begins with a role such as SOCIAL_WORKER"
                      + closest(words[0] if words else "", enum_words(enum)))
    out = {"role": words[0], "staff_ref": staff_ref(words[0] + what)}
    rest = " ".join(words[1:])
    m = re.fullmatch(r"(supervising)?\s*(?:(not certified)|certified until (\S+))?", rest)
    if not m:
        raise Mistake(f'{what}: after the role comes "supervising", "certified until DAY" or '
                      f'"not certified", not "{rest}"')
    if m[1]:
        out["competence_supervision"] = True
    if not m[2]:
        out["certificate_valid_until"] = a_date(m[3] or CERTIFIED_UNTIL).isoformat()
    return out


def staff_ref(seed):
    return base64.b64encode(hashlib.blake2b(seed.encode(), digest_size=16).digest()).decode()


def one_value(words, field):
    what, text = field.name, " ".join(words)
    if field.message_type:
        kind = field.message_type.name
        if kind == "DocumentRef":
            return a_document(words, what)
        if kind == "RoleRef":
            return a_person(words, what)
        if kind == "Date":
            return text if text == "today" else a_date(text).isoformat()
        return fields_of(words, field.message_type, what)
    if field.type == field.TYPE_BOOL:
        if text.lower() not in ("", "true", "yes", "false", "no"):
            raise Mistake(f'{what} is true or false, not "{text}"')
        return text.lower() in ("", "true", "yes")
    if not words:
        raise Mistake(f"{what} has no value")
    if field.enum_type:
        if len(words) != 1 or enum_number(field.enum_type, text) is None:
            names = enum_words(field.enum_type)
            raise Mistake(f"{what} is one of {', '.join(names)}; not \"{text}\""
                          + closest(text, names))
        return text
    if field.type == field.TYPE_BYTES:
        if not NAME.match(text):
            raise Mistake(f'{what} is the name of a message or a case such as R1, not "{text}"')
        return Ref(text)
    if field.name.endswith("_at"):
        if text == "now":
            return "now"
        if len(words) != 3:
            raise Mistake(f'{what} is a time such as 2025-03-08 09:00 WIB, or now; not "{text}"')
        return a_time(a_date(words[0]), words[1], words[2])
    if field.cpp_type in (field.CPPTYPE_UINT32, field.CPPTYPE_UINT64):
        if not text.isdigit():
            raise Mistake(f'{what} is a number, not "{text}"')
        return int(text)
    return text


class Draft:
    """A message as the script has it: from a file, in words, or both."""

    def __init__(self, kind, source=None):
        self.kind, self.source = kind, source
        self.file = source or {}
        self.envelope, self.facts = {}, {}
        self.plus, self.minus_documents, self.minus = [], [], []
        self.sealed = None  # None: as usual for the kind; False: none
        self.unknown_code = None  # (path, word): not in the list, kept for "cannot be encoded"

    def descriptor(self):
        return facts_class(self.kind).DESCRIPTOR

    def field(self, word):
        """(where it is kept, its descriptor) or None."""
        f, e = self.descriptor().fields_by_name, pb.Envelope.DESCRIPTOR.fields_by_name
        header = word.startswith("envelope.")
        word = word.removeprefix("envelope.")
        if word in f and not header:
            return self.facts, f[word]
        return (self.envelope, e[word]) if word in e and word not in OURS else None

    def say(self, text):
        """Takes one line of facts."""
        last = None
        for part in split_commas(text):
            words = words_of(part)
            if words[0] in ("without", "plus"):
                self._change(words)
                last = None
            elif self.field(words[0]):
                last = words[0]
                self._set(last, words[1:], first=True)
            elif last and self.field(last)[1].label == REPEATED:
                self._set(last, words, first=False)
            else:
                names = [*self.descriptor().fields_by_name, "region", "cluster", "urgency",
                         "sensitivity", "legal_basis", "without", "plus"]
                raise Mistake(f'{self.kind} has no field "{words[0]}"' + closest(words[0], names))

    def _set(self, name, words, first):
        values, field = self.field(name)
        name = field.name
        value = one_value(words, field)
        if field.label == REPEATED:
            values[name] = [*values.get(name, []), value]
            return
        if name in values and not first:
            raise Mistake(f"{name} has one value only")
        values[name] = value
        if values is self.facts and name in ("cluster", "case_id"):
            self.envelope[name] = value

    def _change(self, words):
        """`without documents 4`, `without basis`, `without sealed`, `plus documents 5 from ...`"""
        verb, name, rest = words[0], words[1] if len(words) > 1 else "", words[2:]
        if verb == "without" and name == "sealed":
            self.sealed = False
        elif name in ("document", "documents") and rest:
            if verb == "plus":
                self.plus.append(a_document(rest, name))
            else:
                self.minus_documents.append(a_document(rest[:1], name)["type"])
        elif verb == "without" and self.field(name):
            self.minus.append(name)
        else:
            raise Mistake(f'"{verb} {name}": say "without FIELD", "without documents NUMBER", '
                          '"without sealed" or "plus documents NUMBER from ..."')

    def names(self):
        """Every name of a message or a case it needs."""
        def walk(v):
            if isinstance(v, Ref):
                yield str(v)
            elif isinstance(v, dict):
                for x in v.values():
                    yield from walk(x)
            elif isinstance(v, list):
                for x in v:
                    yield from walk(x)
        return [*walk(self.facts), *walk(self.envelope)]

    def value(self, part):
        """Envelope or facts, with what the script says on top of the file."""
        out = dict(self.file.get(part, {}))
        out.update(self.envelope if part == "envelope" else self.facts)
        for name in self.minus:
            out.pop(name, None)
        if part == "facts" and (self.plus or self.minus_documents):
            enum = pb.DocumentRef.DESCRIPTOR.fields_by_name["type"].enum_type
            gone = {enum_number(enum, t) for t in self.minus_documents}
            out["documents"] = [d for d in out.get("documents", [])
                                if enum_number(enum, d["type"]) not in gone] + self.plus
        return out


# --- a dictionary to protobuf --------------------------------------------------------------------


def fill(message, values, world):
    """world: id_of(name), now_ms(), today()."""
    for name, value in values.items():
        field = message.DESCRIPTOR.fields_by_name.get(name)
        if field is None:
            raise Mistake(f"{message.DESCRIPTOR.name} has no field {name}")
        if field.label == REPEATED:
            for v in value:
                if field.message_type:
                    fill_one(getattr(message, name).add(), v, field, world)
                else:
                    getattr(message, name).append(plain(v, field, world))
        elif field.message_type:
            fill_one(getattr(message, name), value, field, world)
        else:
            setattr(message, name, plain(value, field, world))
    return message


def fill_one(target, value, field, world):
    if field.message_type.name == "Date":
        d = world.today() if value == "today" else date.fromisoformat(value)
        target.year, target.month, target.day = d.year, d.month, d.day
        return
    fill(target, value, world)
    if field.message_type.name == "DocumentRef" and not target.sha256:
        target.sha256 = hashlib.sha256(target.SerializeToString(deterministic=True)).digest()


def plain(value, field, world):
    if field.enum_type:
        return enum_number(field.enum_type, value)
    if field.type == field.TYPE_BYTES:
        if isinstance(value, Ref):
            return world.id_of(value)
        if field.name.endswith(("_id", "_ids")):
            return uuid.UUID(value).bytes
        return base64.b64decode(value, validate=True)
    if field.name.endswith("_at"):
        if value == "now":
            return world.now_ms()
        if isinstance(value, str):
            return int(datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() * 1000)
    return value
