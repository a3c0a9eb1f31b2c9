#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that proto/PROTOCOL.md names everything a peer can meet.

    lint-protocol.py [SOURCE_DIR]
    lint-protocol.py --write-rules [SOURCE_DIR]
    lint-protocol.py --self-test

Compared with it: the refusal codes of src/core, the table of rules of src/law row by row, the
frames, error codes, verdicts, receipt levels and causes, settle actions, sources and roles of the
schemas, the kinds of messages, and the numbers of src/core/limits.h. --write-rules writes the rows
of the rules into the page. Exit status: 0 clean, 1 complaints, 2 could not run.
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
    "MessageStatus": False,
    "EventMessageType": False,
    "ReferralDecision": False,
    "ItemKind": True,
}
MADE_ELSEWHERE = ["MALFORMED", "CONFLICT"]  # by the broker and the store, with texts of their own
FIELDS_OF = ["Hello", "Welcome", "Publish", "Published", "PublishResult", "Reason", "Subscribe",
             "Filter", "Subscribed", "Unsubscribe", "Credit", "Deliver", "Settle", "Settlement",
             "Settled", "Ping", "Query", "Result", "Error", "Bye", "LinkProgress", "Forward",
             "Envelope", "Receipt", "RecallOrder", "Notice", "EventAcknowledgement"]


def enum_prefix(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper() + "_"


def without_comments(c):
    return re.sub(r"//[^\n]*", "", re.sub(r"/\*.*?\*/", "", c, flags=re.S))


def table_codes(c, table):
    """First string of each row of a C table `... table[] = { { "X", ... }, ... };`."""
    m = re.search(r"\b" + table + r"\s*\[\s*\]\s*=\s*\{(.*?)\n\};", without_comments(c), re.S)
    return re.findall(r"[{(]\s*(?:\.(?:id|code)\s*=\s*)?\"([A-Z][A-Z0-9_-]*)\"", m.group(1)) if m else []


def rule_rows(c):
    """Each row of rules_table as the page tells it."""
    m = re.search(r"\brules_table\s*\[\s*\]\s*=\s*\{(.*?)\n\};", without_comments(c), re.S)
    joined = re.sub(r'"\s+"', "", m.group(1)) if m else ""
    for row in re.findall(r"\{ (\"R-\d+\".*?) \}", joined, re.S):
        strings = re.findall(r'"([^"]*)"', row)
        if len(strings) < 6:
            continue
        pasal, when, english, indonesian, _ = strings[-5:]
        words = row.split(strings[-5])[0]
        severity = "refuse" if "REJ" in words else "later" if "TMR" in words else "warn"
        on = re.search(r"\bON\(([^)]*)\)", words)
        kinds = on.group(1).replace(" |", "") if on else \
            "case-bearing" if "ON_CASES" in words else "all" if "ON_ALL" in words else \
            strings[1] if len(strings) > 6 else ""
        phase = re.search(r"\b(QP|Q|P)\b", words)
        marks = [severity] + ([", ".join(phase.group(1).lower())] if phase else []) + \
            (["E"] if "DEFERS" in words else [])
        yield strings[0], f"| `{strings[0]}` | {', '.join(marks)} | {kinds} | {when} | {english} | {indonesian} | {pasal} |"


def write_rules(page, rules_c):
    rows = "\n".join(row for _, row in rule_rows(rules_c)) + "\n"
    return re.sub(r"(?:^\| `R-\d+` \|[^\n]*\n)+", lambda _: rows, page, count=1, flags=re.M)


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
    for code in codes:
        if f"`{code}`" not in page:
            yield f"reason {code} is not in PROTOCOL.md"
    rows = dict(rule_rows(rules_c))
    for code in rules:
        if rows.get(code, "?") not in page:
            yield f"rule {code} is not in PROTOCOL.md as in the table of rules: --write-rules"
    for code in re.findall(r"^\| `(R-\d+|[A-Z_]+)` \|", part_of(page, "### 7.1 Reasons"), re.M):
        if codes and rules and code not in codes + rules + MADE_ELSEWHERE:
            yield f"PROTOCOL.md names {code}, which no table of the source has"

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
    page = ("### Limits\n64 7\n## end\n| `A_CODE` |\n| 1 | `X` |\n"
            "| `R-002` | refuse, q, E | M01 M03 | when it is | No. | Tidak. | P7 Pasal 1 |\n")
    rules_c = ('const ReasonCode reason_codes[] = {\n { "A_CODE", "t", "t" },\n /* { "B" } */\n};\n'
               'const Rule rules_table[] = {\n'
               ' { "R-001", WARN, ANYTIME, STANDS, ON_ALL, "b", "w", "e", "i", "f", rule_001 },\n'
               ' { "R-002", REJ, Q, DEFERS, ON(M01 | M03), "P7 Pasal 1",\n   "when "\n   "it is",'
               ' "No.", "Tidak.", "f", rule_002 },\n};\n')
    got = list(check(page, rules_c, "#define N_SIZE 65U /* x */\n#define M (2U * 4U)\n",
                     "enum Verdict {\n    VERDICT_X = 1;\n    VERDICT_Y = 2;\n}\n"))
    want = ["rule R-001 is not in PROTOCOL.md as in the table of rules: --write-rules", "Verdict 2 Y has no row in PROTOCOL.md",
            "limit M = 8 is not in the section Limits"]
    bad = [w for w in want if w not in got]
    bad += [g for g in got if g.startswith(("reason A", "rule R-002", "limit N", "Verdict 1"))]
    written = write_rules(page, rules_c)
    bad += [w for w in ["| `R-001` | warn | all | w | e | i | b |\n| `R-002` |"] if w not in written]
    print("\n".join(bad) if bad else "self-test passed")
    return 1 if bad else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    args = [a for a in sys.argv[1:] if a != "--write-rules"]
    root = pathlib.Path(args[0]) if args else pathlib.Path(__file__).resolve().parents[1]
    try:
        page = (root / "proto/PROTOCOL.md").read_text()
        limits_h = (root / "src/core/limits.h").read_text()
        rules_c = "\n".join(p.read_text() for floor in ("core", "law")
                            for p in sorted((root / "src" / floor).glob("*.c")))
        proto = "\n".join(p.read_text() for p in sorted((root / "proto/serasi/v1").glob("*.proto")))
    except OSError as e:
        print(f"lint-protocol: {e}", file=sys.stderr)
        return 2
    if "--write-rules" in sys.argv[1:]:
        page = write_rules(page, rules_c)
        (root / "proto/PROTOCOL.md").write_text(page)
    complaints = list(check(page, rules_c, limits_h, proto))
    for c in complaints:
        print(c)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
