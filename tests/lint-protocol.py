#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that proto/PROTOCOL.md names everything a peer can meet.

    lint-protocol.py [SOURCE_DIR]
    lint-protocol.py --self-test

Compared with it: the refusal codes and rules of src/core, the frames, error codes, verdicts, receipt
levels and causes, settle actions, sources and roles of the schemas, the kinds of messages, and the
numbers of src/core/limits.h. Exit status: 0 clean, 1 complaints, 2 could not run.
"""

import pathlib
import re
import sys

# enum -> whether PROTOCOL.md must give the number too, as a row "| n | `NAME` |"
ENUMS = {
    "ErrorCode": True,
    "Verdict": True,
    "ReceiptLevel": True,
    "ReceiptCause": True,
    "SettleAction": True,
    "Source": True,
    "RecipientRole": True,
    "MessageKind": False,
    "ReceiptPolicy": False,
    "ColumnType": False,
}
MADE_ELSEWHERE = ["MALFORMED", "CONFLICT"]  # by the broker and the store, with texts of their own
FIELDS_OF = ["Hello", "Welcome", "Publish", "Published", "PublishResult", "Reason", "Subscribe",
             "Filter", "Subscribed", "Unsubscribe", "Credit", "Deliver", "Settle", "Settlement",
             "Settled", "Ping", "Query", "Result", "Error", "Bye", "LinkProgress", "Forward",
             "Envelope", "Receipt", "RecallOrder"]


def enum_prefix(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper() + "_"


def without_comments(c):
    return re.sub(r"//[^\n]*", "", re.sub(r"/\*.*?\*/", "", c, flags=re.S))


def table_codes(c, table):
    """First string of each row of a C table `... table[] = { { "X", ... }, ... };`."""
    m = re.search(r"\b" + table + r"\s*\[\s*\]\s*=\s*\{(.*?)\n\};", without_comments(c), re.S)
    return re.findall(r"[{(]\s*(?:\.(?:id|code)\s*=\s*)?\"([A-Z][A-Z0-9_-]*)\"", m.group(1)) if m else []


def limits(header):
    """Name and number as the page tells it: sizes of C texts without the NUL."""
    for name, value in re.findall(r"#define\s+(\w+)\s+([^\n/]+)", header):
        expression = value.replace("U", "").strip()
        if not re.fullmatch(r"[0-9*() ]+", expression):
            continue
        number = 1
        for factor in re.findall(r"\d+", expression):
            number *= int(factor)
        yield name, number - 1 if name.endswith("_SIZE") else number


def enum_values(proto, enum):
    m = re.search(r"enum " + enum + r" \{(.*?)\n\}", proto, re.S)
    prefix = enum_prefix(enum)
    return [(n[len(prefix):], int(v)) for n, v in
            re.findall(r"^\s*(\w+) = (\d+);", m.group(1), re.M) if v != "0"] if m else []


def message_fields(proto, message):
    m = re.search(r"^message " + message + r" \{(.*?)^\}", proto, re.S | re.M)
    return re.findall(r"(\w+) = \d+;", m.group(1)) if m else []


def part_of(page, title):
    m = re.search("^" + re.escape(title) + r"$(.*?)(?=^##|\Z)", page, re.S | re.M)
    return m.group(1) if m else ""


def has_word(text, word):
    return re.search(r"(?<![\w-])" + re.escape(word) + r"(?![\w-])", text) is not None


def check(page, rules_c, limits_h, proto):
    if not (codes := table_codes(rules_c, "reason_codes")):
        yield "src/core: table reason_codes not found"
    if not (rules := table_codes(rules_c, "rules_table")):
        yield "src/core: table rules_table not found"
    for code in codes + rules:
        if f"`{code}`" not in page:
            yield f"reason {code} is not in PROTOCOL.md"
    for code in re.findall(r"^\| `(R-\d+|[A-Z_]+)` \|", part_of(page, "### 7.1 Reasons"), re.M):
        if codes and rules and code not in codes + rules + MADE_ELSEWHERE:
            yield f"PROTOCOL.md names {code}, which no table of src/core has"

    for enum, numbered in ENUMS.items():
        values = enum_values(proto, enum)
        if not values:
            yield f"enum {enum} not found"
        for name, number in values:
            if numbered and not re.search(rf"^\| {number} \| `?{name}`? \|", page, re.M):
                yield f"{enum} {number} {name} has no row in PROTOCOL.md"
            elif not has_word(page, name):
                yield f"{enum} {name} is not in PROTOCOL.md"

    for message in FIELDS_OF:
        fields = message_fields(proto, message)
        if not fields:
            yield f"message {message} not found"
        for field in fields:
            if f"`{field}`" not in page:
                yield f"field {message}.{field} is not in PROTOCOL.md"
    for frame in message_fields(proto, "Frame"):
        if not has_word(page, frame.upper()):
            yield f"frame {frame.upper()} is not in PROTOCOL.md"

    for name, number in limits(limits_h):
        if not has_word(part_of(page, "### Limits"), str(number)):
            yield f"limit {name} = {number} is not in the section Limits"


def self_test():
    page = "### Limits\n64 7\n## end\n| `A_CODE` |\n| 1 | `X` |\n"
    rules_c = ('const ReasonCode reason_codes[] = {\n { "A_CODE", "t", "t" },\n /* { "B" } */\n};\n'
               'const Rule rules_table[] = {\n { .id = "R-001" },\n};\n')
    got = list(check(page, rules_c, "#define N_SIZE 65U /* x */\n#define M (2U * 4U)\n",
                     "enum Verdict {\n    VERDICT_X = 1;\n    VERDICT_Y = 2;\n}\n"))
    want = ["reason R-001 is not in PROTOCOL.md", "Verdict 2 Y has no row in PROTOCOL.md",
            "limit M = 8 is not in the section Limits"]
    bad = [w for w in want if w not in got]
    bad += [g for g in got if g.startswith(("reason A", "limit N", "Verdict 1"))]
    print("\n".join(bad) if bad else "self-test passed")
    return 1 if bad else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[1]
    try:
        page = (root / "proto/PROTOCOL.md").read_text()
        limits_h = (root / "src/core/limits.h").read_text()
        rules_c = "\n".join(p.read_text() for p in sorted((root / "src/core").glob("*.c")))
        proto = "\n".join(p.read_text() for p in sorted((root / "proto/serasi/v1").glob("*.proto")))
    except OSError as e:
        print(f"lint-protocol: {e}", file=sys.stderr)
        return 2
    complaints = list(check(page, rules_c, limits_h, proto))
    for c in complaints:
        print(c)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
