# SPDX-License-Identifier: Apache-2.0
"""Matters of the law, as every node may ask about its own (PROTOCOL.md 10.3)."""

import uuid

import serasi_client as sc
from bench import check, delivery_of, that, verdict
from serasi_client import pb

DUE = {"due_at", "overdue", "timer", "owed_by", "kind", "id", "state", "told", "region", "cluster",
       "status"}


def ask(c, verb, *args):
    """Code, and rows as dictionaries; no rows: the names of the columns."""
    r = c.query(verb, *args)
    columns = [x.name for x in r.columns]
    return r.code, [dict(zip(columns, row.values)) for row in r.rows] or set(columns)


def of_id(rows, message_id):
    return next((r for r in rows if r["id"] == str(uuid.UUID(bytes=message_id))), None)


@check
def a_matter_is_told_to_its_parties(t):
    a, b = t.session("a"), t.session("b")
    m = t.published(a, t.complaint())
    name = str(uuid.UUID(bytes=m.id))
    for c in (a, b):
        code, rows = ask(c, "item", "complaint", name)
        that(code == 0 and len(rows) == 1, (code, rows))
        seen = {k: rows[0][k] for k in ("state", "final", "status", "owes", "opened_by")}
        that(seen == {"state": "RECEIVED", "final": "0", "status": "ACTUAL", "owes": t.node["b"],
                      "opened_by": t.node["a"]}, seen)
        code, rows = ask(c, "item-due", "complaint", name)
        that(code == 0 and [r["timer"] for r in rows] == ["classify"] and set(rows[0]) >= DUE, rows)
    code, rows = ask(a, "item-history", "complaint", name)
    that([(r["message"], r["step"], r["from"], r["to"]) for r in rows] ==
         [(name, "applied", "NONE", "RECEIVED")], rows)
    code, rows = ask(b, "worklist")
    that(code == 0 and of_id(rows, m.id)["work"] == "TO_RECEIVE", rows)
    that(of_id(ask(b, "due", t.node["b"])[1], m.id), "not among what B owes")
    code, rows = ask(b, "report", t.o.region)
    that(code == 0 and {"kind", "state", "cluster", "region", "count"} <= set(rows[0]), rows)
    b.subscribe(1, pb.SOURCE_MAILBOX, credit=1)
    b.done(delivery_of(t, b, m))
    code, rows = ask(a, "item-receipts", "complaint", name)
    that([(r["recipient"], r["outcome"]) for r in rows] == [(t.node["b"], "COLLECTED")], rows)
    return name


@check
def nobody_sees_what_is_said_about_him(t):
    a, b = t.session("a"), t.session("b")
    facts = pb.Complaint.FromString(t.facts())
    facts.about_node = t.node["a"]
    m = t.complaint(facts=facts.SerializeToString(), sender=t.node["b"], to=[])
    r = b.publish(m)
    that(r.verdict == pb.VERDICT_ACCEPTED, verdict(r))
    that(t.node["a"] not in [x.node for x in r.recipients], r.recipients)
    name = str(uuid.UUID(bytes=m.id))
    that(ask(b, "item", "complaint", name)[0] == 0, "its own sender may not see it")
    that(ask(a, "item", "complaint", name)[0] == 1, "the reported node may see it")
    return r.recipients[0].node


@check
def what_is_not_there_and_what_is_no_question(t):
    a, nobody = t.session("a"), str(uuid.UUID(bytes=sc.uuid7()))
    that(ask(a, "item", "referral", nobody)[0] == 1, "an unknown referral")
    that(ask(a, "item", "matter", nobody)[0] == 2, "an unknown kind")
    that(ask(a, "unacknowledged", "case", nobody)[0] == 1, "an unknown case")
    that(ask(a, "worklist")[0] == 0 and ask(a, "due")[0] == 0, "lists")
    a.ping()
