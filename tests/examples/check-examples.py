#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the example messages against the schemas with Google's protobuf.

    check-examples.py [DIR] [PROTO_DIR]

Each file is brought from our JSON form (ids as UUID text, dates, times) to that of protobuf and
parsed; then mandatory fields (as the comments of the schemas say), digits, references between the
files and sizes are checked. Exit status: 0 clean, 1 complaints, 2 could not run.
"""

import base64
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import uuid
from datetime import date, datetime, timezone

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
except ImportError:
    print("check-examples: python3-protobuf is missing", file=sys.stderr)
    sys.exit(2)

HERE = pathlib.Path(__file__).resolve().parent
LIMITS = {"envelope": 4096, "facts": 65536, "sealed": 1048576}
HOLDER_BY_LAW = {"Complaint"}  # the broker knows whose it is
MANDATORY = re.compile(r"\s*mandatory(\s*[:,]|\s+true|\s*$)")


class Schemas:
    """Descriptors with their comments, made by protoc."""

    def __init__(self, proto_dir):
        files = sorted(str(p.relative_to(proto_dir)) for p in proto_dir.rglob("*.proto"))
        with tempfile.NamedTemporaryFile() as out:
            subprocess.run(["protoc", "-I", str(proto_dir), "--include_source_info",
                            "--descriptor_set_out", out.name, *files], check=True)
            self.set = descriptor_pb2.FileDescriptorSet.FromString(out.read())
        self.pool = descriptor_pool.DescriptorPool()
        waiting = list(self.set.file)
        done = set()
        while waiting:
            f = next(f for f in waiting if set(f.dependency) <= done)
            waiting.remove(f)
            self.pool.Add(f)
            done.add(f.name)
        self.mandatory = set()
        for f in self.set.file:
            for place in f.source_code_info.location:
                if len(place.path) == 4 and place.path[0] == 4 and place.path[2] == 2:
                    message = f.message_type[place.path[1]]
                    if MANDATORY.match(place.trailing_comments):
                        self.mandatory.add((message.name, message.field[place.path[3]].name))

    def descriptor(self, name):
        return self.pool.FindMessageTypeByName("serasi.v1." + name)

    def new(self, descriptor):
        factory = message_factory.MessageFactory(self.pool)
        return factory.GetPrototype(descriptor)()


class Problem(Exception):
    pass


def enum_prefix(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper() + "_"


def adapt(value, field, path):
    """One value in our form to that of protobuf's JSON."""
    if field.enum_type:
        names = {v.name for v in field.enum_type.values}
        full = enum_prefix(field.enum_type.name) + value
        for name in (value, full):
            if name in names:
                return name
        raise Problem(f"{path}: {value} is no {field.enum_type.name}")
    if field.message_type:
        if field.message_type.name == "Date":
            d = date.fromisoformat(value)
            return {"year": d.year, "month": d.month, "day": d.day}
        return adapt_message(value, field.message_type, path)
    if field.type == field.TYPE_BYTES:
        if field.name.endswith(("_id", "_ids")):
            return base64.b64encode(uuid.UUID(value).bytes).decode()
        base64.b64decode(value, validate=True)
        return value
    if field.name.endswith("_at"):
        if not value.endswith("Z"):
            raise Problem(f"{path}: write times in UTC")
        moment = datetime.fromisoformat(value[:-1]).replace(tzinfo=timezone.utc)
        return str(int(moment.timestamp() * 1000))
    return value


def adapt_message(value, descriptor, path):
    if not isinstance(value, dict):
        raise Problem(f"{path}: not an object")
    out = {}
    for key, v in value.items():
        field = descriptor.fields_by_name.get(key)
        if not field:
            raise Problem(f"{path}.{key}: no such field in {descriptor.name}")
        if field.label == field.LABEL_REPEATED:
            out[key] = [adapt(x, field, f"{path}.{key}") for x in v]
        else:
            out[key] = adapt(v, field, f"{path}.{key}")
    return out


def missing_fields(schemas, value, descriptor, path):
    for field in descriptor.fields:
        v = value.get(field.name)
        if (descriptor.name, field.name) in schemas.mandatory and v in (None, [], "", 0):
            yield f"{path}.{field.name} is mandatory"
        if field.message_type and field.message_type.name != "Date" and v:
            for i, x in enumerate(v if isinstance(v, list) else [v]):
                yield from missing_fields(schemas, x, field.message_type, f"{path}.{field.name}")


def kind_name(kind):
    return re.sub(r"^MESSAGE_KIND_", "", kind)


def check_file(schemas, text):
    """Returns the envelope as parsed JSON; raises or yields complaints through the list."""
    complaints = []
    m = json.loads(text)
    if set(m) - {"envelope", "facts", "sealed"}:
        raise Problem(f"unknown keys {sorted(set(m) - {'envelope', 'facts', 'sealed'})}")
    envelope = schemas.new(schemas.descriptor("Envelope"))
    json_format.ParseDict(adapt_message(m["envelope"], envelope.DESCRIPTOR, "envelope"), envelope)
    name = "".join(w.capitalize() for w in kind_name(m["envelope"]["kind"]).split("_"))
    facts = schemas.new(schemas.descriptor(name))
    json_format.ParseDict(adapt_message(m["facts"], facts.DESCRIPTOR, "facts"), facts)
    complaints += missing_fields(schemas, m["facts"], facts.DESCRIPTOR, "facts")

    sealed = base64.b64decode(m.get("sealed", ""), validate=True)
    sizes = {"envelope": envelope.ByteSize() + 90, "facts": facts.ByteSize(), "sealed": len(sealed)}
    for part, size in sizes.items():
        if size > LIMITS[part]:
            complaints.append(f"{part} has {size} bytes")
    for key in ("message_id", "sender", "audience", "urgency", "sensitivity"):
        by_law = key == "audience" and name in HOLDER_BY_LAW
        if key not in m["envelope"] and not by_law:
            complaints.append(f"envelope.{key} is missing")
    if "created_at" in m["envelope"]:
        complaints.append("envelope.created_at would go stale")
    if envelope.message_id[6] >> 4 != 7 or envelope.message_id[8] >> 6 != 2:
        complaints.append("envelope.message_id is no UUIDv7")
    if envelope.case_id and envelope.case_id[6] >> 4 != 4:
        complaints.append("envelope.case_id is not random (UUIDv4)")
    if envelope.sensitivity >= 3 and len(envelope.region) > 4:
        complaints.append("envelope.region says too much for this sensitivity")
    clear = json.dumps(m["facts"])
    for number in re.findall(r'"(?:number|locator)": "([^"]*)"', clear):
        if re.search(r"\d{16}|@|(\+62|\b08)\d{7}", number):
            complaints.append(f"{number} looks like personal data")
    for day in re.findall(r'"(\w+_on|food_since)": "(\d{4}-\d\d-\d\d)"', clear):
        if day[0] in ("requested_on", "received_on", "outside_service_started_on") and \
                date.fromisoformat(day[1]) > date.today():
            complaints.append(f"{day[0]} lies in the future")
    for sub, outer in (("case_id", "case_id"), ("cluster", "cluster")):
        if sub in m["facts"] and m["facts"][sub] != m["envelope"].get(outer):
            complaints.append(f"facts.{sub} is not the envelope's")
    return m, complaints


def check_story(story, messages):
    """A scenario hangs together: every id it names was said before."""
    said = set()
    cases = set()
    for name, m in messages:
        e, f = m["envelope"], m["facts"]
        for key in ("correlation_id", "causation_id"):
            if key in e and e[key] not in said:
                yield f"{name}: envelope.{key} names nothing that came before"
        for key in ("complaint_id", "referral_id", "origin_id"):
            if key in f and f[key] not in said:
                yield f"{name}: facts.{key} names nothing that came before"
        said.add(e["message_id"])
        cases |= {e[k] for k in ("case_id",) if k in e} | {f[k] for k in ("new_case_id",) if k in f}
    if len(cases) > 1:
        yield f"{story} has {len(cases)} cases, not one"


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    proto_dir = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else HERE.parents[1] / "proto"
    schemas = Schemas(proto_dir)
    if len(schemas.mandatory) < 50:
        print("check-examples: the comments of the schemas were not understood", file=sys.stderr)
        return 2
    bad, stories, ids = 0, {}, {}
    paths = sorted(folder.glob("*.json"))
    for path in paths:
        try:
            m, complaints = check_file(schemas, path.read_text())
        except (Problem, ValueError, KeyError, TypeError, json_format.ParseError) as e:
            complaints, m = [str(e)], None
        if m and ids.setdefault(m["envelope"]["message_id"], path.name) != path.name:
            complaints.append("message_id is used twice")
        story = path.name.split("-")[0].upper()
        if m and story != "X":
            stories.setdefault(story, []).append((path.name, m))
        for c in complaints:
            print(f"{path.name}: {c}")
            bad += 1
    for story, messages in stories.items():
        for c in check_story(story, messages):
            print(c)
            bad += 1
    print(f"{len(paths)} files, {bad} complaints")
    return 1 if bad or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
