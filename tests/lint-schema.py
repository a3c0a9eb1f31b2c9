#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the protobuf schemas against the conventions the C code relies on.

    lint-schema.py [--comments-optional FILE]... PROTO_DIR
    lint-schema.py --self-test

The schemas are compiled by protoc and the descriptors are read back, so what is checked is what
the compiler understood. Needs protoc and python3-protobuf. Exit status: 0 clean, 1 complaints,
2 the check itself could not run.

What is kept, and why:
  proto3, no `optional`, no groups            protoc-c 1.4.1 refuses or changes them
  no recursion, maps, services                decoding stays bounded; nothing of it is needed
  enums: 0 is <PREFIX>_UNSPECIFIED            zero is "not given" everywhere
  every value and field has a comment         the schemas are the reference of the codes
  field *_at is fixed64                       milliseconds since 1970 UTC; JSON writes RFC 3339
  field *_on, *_until, *_since, *_from: Date  calendar days; JSON writes YYYY-MM-DD
  field *_id, *_ids is bytes                  16-byte UUIDs; JSON writes the usual hex form
  field *_node is string                      node ids
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

try:
    from google.protobuf import descriptor_pb2
except ImportError:
    print("lint-schema: python3-protobuf is missing", file=sys.stderr)
    sys.exit(2)

PACKAGE = "serasi.v1"
DATE = "." + PACKAGE + ".Date"
F = descriptor_pb2.FieldDescriptorProto
TYPE_NAMES = {number: name[5:].lower() for name, number in F.Type.items()}

SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
PASCAL = re.compile(r"[A-Z][A-Za-z0-9]*")
UPPER_SNAKE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
DAY = re.compile(r"(.*_)?(on|until|since|from)")


def enum_prefix(name):
    """HrRole -> HR_ROLE_"""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper() + "_"


def type_text(field):
    if field.type in (F.TYPE_MESSAGE, F.TYPE_ENUM, F.TYPE_GROUP):
        return field.type_name.rsplit(".", 1)[-1]
    return TYPE_NAMES[field.type]


class Lint:
    def __init__(self, proto_dir, comments_optional=()):
        self.proto_dir = proto_dir
        self.comments_optional = set(comments_optional)
        self.complaints = []
        self.edges = {}  # message -> [(field, message)]
        self.where = {}  # message -> file

    def say(self, file, what, complaint):
        self.complaints.append(f"{file}: {what}: {complaint}")

    # ---- reading ----

    def find(self):
        files = []
        for folder, folders, names in os.walk(self.proto_dir):
            folders.sort()
            for name in sorted(names):
                if name.endswith(".proto"):
                    files.append(os.path.relpath(os.path.join(folder, name), self.proto_dir))
        return files

    def compile(self, files):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "set")
            run = subprocess.run(
                ["protoc", "-I", self.proto_dir, "--include_source_info",
                 "--descriptor_set_out=" + out] + files,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if run.returncode != 0:
                for line in run.stdout.splitlines():
                    self.complaints.append("protoc: " + line)
                return None
            for line in run.stdout.splitlines():
                self.complaints.append("protoc: " + line)
            result = descriptor_pb2.FileDescriptorSet()
            with open(out, "rb") as stream:
                result.ParseFromString(stream.read())
            return result

    def run(self):
        files = self.find()
        if not files:
            self.complaints.append(f"{self.proto_dir}: no .proto files")
            return self.complaints
        compiled = self.compile(files)
        if compiled is not None:
            for file in compiled.file:
                self.check_file(file)
            self.check_recursion()
        return self.complaints

    # ---- files ----

    def check_file(self, file):
        if file.syntax != "proto3":
            self.say(file.name, "syntax", "must be proto3")
        if file.package != PACKAGE:
            self.say(file.name, "package", f"must be {PACKAGE}, is '{file.package}'")
        for service in file.service:
            self.say(file.name, service.name, "services are not used")
        for extension in file.extension:
            self.say(file.name, extension.name, "extensions are not used")
        with open(os.path.join(self.proto_dir, file.name), encoding="utf-8") as stream:
            if stream.readline().rstrip("\n") != "// SPDX-License-Identifier: Apache-2.0":
                self.say(file.name, "line 1", "SPDX-License-Identifier: Apache-2.0 is missing")

        comments = {}
        for location in file.source_code_info.location:
            comments[tuple(location.path)] = bool(
                location.leading_comments.strip() or location.trailing_comments.strip())

        for index, message in enumerate(file.message_type):
            self.check_message(file, message, (4, index), "." + file.package, comments)
        for index, enum in enumerate(file.enum_type):
            self.check_enum(file, enum, (5, index), "", comments)

    def check_comment(self, file, what, path, comments):
        if os.path.basename(file.name) in self.comments_optional:
            return
        if not comments.get(path, False):
            self.say(file.name, what, "has no comment")

    # ---- messages ----

    def check_message(self, file, message, path, outer, comments):
        full = outer + "." + message.name
        what = full[len(PACKAGE) + 2:]
        self.where[full] = file.name
        edges = self.edges.setdefault(full, [])

        if not PASCAL.fullmatch(message.name):
            self.say(file.name, what, "message names are PascalCase")
        for extension in list(message.extension) + list(message.extension_range):
            self.say(file.name, what, "extensions are not used")

        # Two fields with one number: protoc refuses that itself.
        for index, field in enumerate(message.field):
            name = what + "." + field.name
            if field.type == F.TYPE_MESSAGE:
                edges.append((field.name, field.type_name))
            self.check_field(file, field, name, message)
            self.check_comment(file, name, path + (2, index), comments)

        if full == DATE:
            shape = [(f.name, f.number, f.type) for f in message.field]
            if shape != [("year", 1, F.TYPE_UINT32), ("month", 2, F.TYPE_UINT32),
                         ("day", 3, F.TYPE_UINT32)]:
                self.say(file.name, what, "must be uint32 year = 1, month = 2, day = 3")

        for index, nested in enumerate(message.nested_type):
            if nested.options.map_entry:
                continue  # said at the field
            self.check_message(file, nested, path + (3, index), full, comments)
        for index, enum in enumerate(message.enum_type):
            self.check_enum(file, enum, path + (4, index), what + ".", comments)

    def check_field(self, file, field, name, message):
        def say(complaint):
            self.say(file.name, name, complaint)

        if field.proto3_optional:
            say("`optional` is not used, zero means not given")
        if field.label == F.LABEL_REQUIRED:
            say("`required` is not used")
        if field.type == F.TYPE_GROUP:
            say("groups are not used")
            return
        if field.type == F.TYPE_MESSAGE:
            for nested in message.nested_type:
                if nested.options.map_entry and field.type_name.endswith(
                        "." + message.name + "." + nested.name):
                    say("maps are not used")
                    return

        if not SNAKE.fullmatch(field.name):
            say("field names are snake_case")
        is_moment = field.name.endswith("_at")
        if is_moment and field.type != F.TYPE_FIXED64:
            say(f"a field ending in _at is fixed64 (ms since 1970 UTC), not {type_text(field)}")
        if field.type == F.TYPE_FIXED64 and not is_moment:
            say("a fixed64 field is a moment and ends in _at")
        is_date = field.type == F.TYPE_MESSAGE and field.type_name == DATE
        is_day = DAY.fullmatch(field.name) is not None
        if is_day and not is_date:
            say(f"a field ending in _on, _until, _since or _from is a Date, not {type_text(field)}")
        if is_date and not is_day:
            say("a Date field ends in _on, _until, _since or _from")
        if field.name.endswith(("_id", "_ids")) and field.type != F.TYPE_BYTES:
            say(f"a field ending in _id is bytes (a UUID), not {type_text(field)}")
        if field.name.endswith("_node") and field.type != F.TYPE_STRING:
            say(f"a field ending in _node is a node id and a string, not {type_text(field)}")

    def check_recursion(self):
        done = set()

        def visit(message, trail):
            if message in [step for step, _ in trail]:
                start = [step for step, _ in trail].index(message)
                loop = trail[start:]
                text = " -> ".join(step.rsplit(".", 1)[-1] + "." + field for step, field in loop)
                self.say(self.where[message], "recursion",
                         text + " -> " + message.rsplit(".", 1)[-1])
                return
            if message in done:
                return
            for field, target in self.edges.get(message, []):
                visit(target, trail + [(message, field)])
            done.add(message)

        for message in sorted(self.edges):
            visit(message, [])

    # ---- enums ----

    def check_enum(self, file, enum, path, outer, comments):
        what = outer + enum.name
        prefix = enum_prefix(enum.name)
        if not PASCAL.fullmatch(enum.name):
            self.say(file.name, what, "enum names are PascalCase")
        first = enum.value[0]
        if first.number != 0 or first.name != prefix + "UNSPECIFIED":
            self.say(file.name, what, f"must begin with {prefix}UNSPECIFIED = 0")
        numbers = {}
        for index, value in enumerate(enum.value):
            name = what + "." + value.name
            if not value.name.startswith(prefix):
                self.say(file.name, name, f"must have the prefix {prefix}")
            if not UPPER_SNAKE.fullmatch(value.name):
                self.say(file.name, name, "value names are UPPER_SNAKE")
            if value.number in numbers:
                self.say(file.name, name,
                         f"number {value.number} is used by {numbers[value.number]} already")
            numbers[value.number] = value.name
            if value.number < 0:
                self.say(file.name, name, "negative numbers are not used")
            if index > 0:
                self.check_comment(file, name, path + (2, index), comments)


# ---- self-test: every check must be able to fail ----

GOOD = """
message Date {
    uint32 year = 1;   // year
    uint32 month = 2;  // month
    uint32 day = 3;    // day
}
enum HrRole {
    HR_ROLE_UNSPECIFIED = 0;
    HR_ROLE_DOCTOR = 1;  // dokter
}
message Sample {
    HrRole role = 1;              // role
    bytes case_id = 2;            // case
    fixed64 said_at = 3;          // when
    Date held_on = 4;             // day
    Date valid_until = 5;         // last day
    Date until = 6;               // last day
    Date placement_from = 7;      // first day
    Date since = 8;               // first day
    string about_node = 9;        // node
    repeated bytes case_ids = 10; // cases
    oneof one {
        uint32 a = 11;            // a
        uint32 b = 12;            // b
    }
}
"""

HEAD = "// SPDX-License-Identifier: Apache-2.0\n"
PROTO3 = HEAD + 'syntax = "proto3";\npackage serasi.v1;\n'

# (what is wrong, whole schema, complaint that must appear)
BAD = [
    ("proto2", HEAD + 'syntax = "proto2";\npackage serasi.v1;\nmessage M {}\n',
     "syntax: must be proto3"),
    ("no syntax line", HEAD + "package serasi.v1;\nmessage M {}\n", "syntax: must be proto3"),
    ("required", HEAD + 'syntax = "proto2";\npackage serasi.v1;\n'
     "message M { required uint32 x = 1; /* x */ }\n", "M.x: `required` is not used"),
    ("group", HEAD + 'syntax = "proto2";\npackage serasi.v1;\n'
     "message M { repeated group G = 1 { optional uint32 x = 1; } }\n", "M.g: groups are not used"),
    ("extensions", HEAD + 'syntax = "proto2";\npackage serasi.v1;\n'
     "message M { extensions 100 to 200; }\n", "M: extensions are not used"),
    ("extension of a message", HEAD + 'syntax = "proto2";\npackage serasi.v1;\n'
     "message M { extensions 100 to 200; }\nextend M { optional uint32 x = 100; }\n",
     "sample.proto: x: extensions are not used"),
    ("wrong package", HEAD + 'syntax = "proto3";\npackage other;\nmessage M {}\n',
     "package: must be serasi.v1"),
    ("no licence", 'syntax = "proto3";\npackage serasi.v1;\nmessage M {}\n',
     "SPDX-License-Identifier: Apache-2.0 is missing"),
    ("optional", PROTO3 + "message M { optional uint32 x = 1; /* x */ }\n",
     "M.x: `optional` is not used"),
    ("direct recursion", PROTO3 + "message M { repeated M m = 1; /* m */ }\n",
     "recursion: M.m -> M"),
    ("mutual recursion", PROTO3 + "message A { B b = 1; /* b */ }\n"
     "message B { C c = 1; /* c */ }\nmessage C { A a = 1; /* a */ }\n",
     "recursion: A.b -> B.c -> C.a -> A"),
    ("recursion in a oneof", PROTO3 + "message M { oneof o { M m = 1; /* m */ } }\n",
     "recursion: M.m -> M"),
    ("map", PROTO3 + "message M { map<string, string> x = 1; /* x */ }\n",
     "M.x: maps are not used"),
    ("service", PROTO3 + "message M {}\nservice S { rpc Do(M) returns (M); }\n",
     "S: services are not used"),
    ("enum without UNSPECIFIED", PROTO3 + "enum Age { AGE_NONE = 0; /* n */ }\n",
     "Age: must begin with AGE_UNSPECIFIED = 0"),
    ("enum without prefix", PROTO3 + "enum Age { AGE_UNSPECIFIED = 0; OLD = 1; /* o */ }\n",
     "Age.OLD: must have the prefix AGE_"),
    ("nested enum without prefix",
     PROTO3 + "message M { enum Age { AGE_UNSPECIFIED = 0; OLD = 1; /* o */ } }\n",
     "M.Age.OLD: must have the prefix AGE_"),
    ("prefix of another enum",
     PROTO3 + "enum HrRole { HRROLE_UNSPECIFIED = 0; HR_ROLE_X = 1; /* x */ }\n",
     "HrRole: must begin with HR_ROLE_UNSPECIFIED = 0"),
    ("lower-case value", PROTO3 + "enum Age { AGE_UNSPECIFIED = 0; AGE_old = 1; /* o */ }\n",
     "Age.AGE_old: value names are UPPER_SNAKE"),
    ("negative value", PROTO3 + "enum Age { AGE_UNSPECIFIED = 0; AGE_X = -1; /* x */ }\n",
     "Age.AGE_X: negative numbers are not used"),
    ("value without comment", PROTO3 + "enum Age { AGE_UNSPECIFIED = 0; AGE_OLD = 1; }\n",
     "Age.AGE_OLD: has no comment"),
    ("field without comment", PROTO3 + "message M { uint32 x = 1; }\n", "M.x: has no comment"),
    ("nested field without comment", PROTO3 + "message M { message N { uint32 x = 1; } }\n",
     "M.N.x: has no comment"),
    ("camelCase field", PROTO3 + "message M { uint32 fooBar = 1; /* x */ }\n",
     "M.fooBar: field names are snake_case"),
    ("message name", PROTO3 + "message bad_name { }\n",
     "bad_name: message names are PascalCase"),
    ("enum name", PROTO3 + "enum age { AGE_UNSPECIFIED = 0; }\n",
     "age: enum names are PascalCase"),
    ("_at of another type", PROTO3 + "message M { uint64 said_at = 1; /* x */ }\n",
     "M.said_at: a field ending in _at is fixed64 (ms since 1970 UTC), not uint64"),
    ("fixed64 without _at", PROTO3 + "message M { fixed64 count = 1; /* x */ }\n",
     "M.count: a fixed64 field is a moment and ends in _at"),
    ("_on of another type", PROTO3 + "message M { string held_on = 1; /* x */ }\n",
     "M.held_on: a field ending in _on, _until, _since or _from is a Date, not string"),
    ("_until as a moment", PROTO3 + "message M { fixed64 valid_until = 1; /* x */ }\n",
     "M.valid_until: a field ending in _on"),
    ("since as text", PROTO3 + "message M { string since = 1; /* x */ }\n",
     "M.since: a field ending in _on"),
    ("placement_from as text", PROTO3 + "message M { string placement_from = 1; /* x */ }\n",
     "M.placement_from: a field ending in _on"),
    ("Date of another name", PROTO3 + GOOD + "message M { Date birthday = 1; /* x */ }\n",
     "M.birthday: a Date field ends in _on"),
    ("Date of another shape", PROTO3 + "message Date { uint32 day = 1; /* x */ }\n",
     "Date: must be uint32 year = 1, month = 2, day = 3"),
    ("_id as text", PROTO3 + "message M { string case_id = 1; /* x */ }\n",
     "M.case_id: a field ending in _id is bytes (a UUID), not string"),
    ("_ids as text", PROTO3 + "message M { repeated string case_ids = 1; /* x */ }\n",
     "M.case_ids: a field ending in _id is bytes"),
    ("_node as bytes", PROTO3 + "message M { bytes about_node = 1; /* x */ }\n",
     "M.about_node: a field ending in _node is a node id and a string, not bytes"),
    ("field number twice",
     PROTO3 + "message M { uint32 x = 1; /* x */ uint32 y = 1; /* y */ }\n",
     "Field number 1 has already been used"),
    ("enum number twice",
     PROTO3 + "enum Age { AGE_UNSPECIFIED = 0; AGE_A = 1; /* a */ AGE_B = 1; /* b */ }\n",
     "uses the same enum value as"),
    ("alias", PROTO3 + "enum Age { option allow_alias = true; AGE_UNSPECIFIED = 0; "
     "AGE_A = 1; /* a */ AGE_B = 1; /* b */ }\n", "Age.AGE_B: number 1 is used by AGE_A already"),
    ("unused import", PROTO3 + 'import "date.proto";\nmessage M {}\n', "is unused"),
    ("missing import", PROTO3 + 'import "absent.proto";\nmessage M {}\n', "was not found"),
    ("syntax error", PROTO3 + "message M { uint32 x }\n", "protoc: "),
]


def lint_text(text, comments_optional=()):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "sample.proto"), "w", encoding="utf-8") as stream:
            stream.write(text)
        if "date.proto" in text:
            with open(os.path.join(folder, "date.proto"), "w", encoding="utf-8") as stream:
                stream.write(PROTO3 + GOOD)
        return Lint(folder, comments_optional).run()


def self_test():
    failed = 0

    def result(ok, name, detail):
        nonlocal failed
        if not ok:
            failed += 1
            print(f"not ok - {name}: {detail}")

    complaints = lint_text(PROTO3 + GOOD)
    result(complaints == [], "a good schema is clean", complaints)
    uncommented = PROTO3 + "message M { uint32 x = 1; }\n"
    complaints = lint_text(uncommented, ["sample.proto"])
    result(complaints == [], "--comments-optional lifts the comment check", complaints)
    complaints = lint_text(PROTO3 + "message M { string a_id = 1; }\n", ["sample.proto"])
    result(len(complaints) == 1, "--comments-optional lifts nothing else", complaints)
    with tempfile.TemporaryDirectory() as folder:
        result(Lint(folder).run() != [], "an empty folder is a complaint", "accepted")
    for name, text, expected in BAD:
        complaints = lint_text(text)
        result(any(expected in line for line in complaints), name,
               f"expected '{expected}', got {complaints}")
    print(f"lint-schema: self-test, {len(BAD) + 4} cases, {failed} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description="check the protobuf schemas")
    parser.add_argument("--self-test", action="store_true",
                        help="feed bad schemas and expect every complaint")
    parser.add_argument("--comments-optional", action="append", default=[], metavar="FILE",
                        help="base name of a file whose fields and values need no comment")
    parser.add_argument("proto_dir", nargs="?")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    if not args.proto_dir:
        parser.error("PROTO_DIR or --self-test is needed")
    complaints = Lint(args.proto_dir, args.comments_optional).run()
    for line in complaints:
        print(line, file=sys.stderr)
    if complaints:
        print(f"lint-schema: {len(complaints)} complaints", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FileNotFoundError as error:
        print(f"lint-schema: {error}", file=sys.stderr)
        sys.exit(2)
