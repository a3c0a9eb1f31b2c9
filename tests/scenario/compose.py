# SPDX-License-Identifier: Apache-2.0
"""The bytes of a message, made once: what the file has, what the script says on top of it, what
holds unless said otherwise, and the clock of the scenario."""
import uuid

from messages import Failed, Ref, fill, pb, sc

# The field that names what a message is about, when the script says "on R1".
REFERENCE = {"REFERRAL_RESPONSE": "referral_id", "REFERRAL_UPDATE": "referral_id",
             "HANDOVER_MINUTES": "referral_id", "FAMILY_FOLLOW_UP": "referral_id",
             "COMPLAINT_UPDATE": "complaint_id", "EVENT_SITUATION": "event_id",
             "EVENT_ACKNOWLEDGEMENT": "event_id", "EXTRAORDINARY_EVENT": "event_id",
             "DTKS_RESULT": "proposal_id", "CASE_OPENED": "origin_id",
             "REFERRAL_REQUEST": "parent_referral_id"}
UNSEALED = {"TIERED_REPORT", "NODE_RECORD", "CAPACITY_UPDATE", "DATA_SUBJECT_ACTION",
            "EVENT_ACKNOWLEDGEMENT", "SUPERVISION_NOTICE", "SUPERVISION_ASSISTANCE_REQUEST"}


def name_case(world, name, given):
    """A new name is the case of the message file, once; else a case of its own."""
    if name not in world.ids:
        raw = uuid.UUID(given).bytes if given else None
        world.ids[name] = raw if raw and raw not in world.ids.values() else uuid.uuid4().bytes
    return str(uuid.UUID(bytes=world.ids[name]))


def header_of(world, draft):
    values = draft.value("envelope")
    for key, value in world.script.defaults.items():
        if not draft.source and key not in draft.minus:
            values.setdefault(key, value)
    values.pop("audience", None)
    return values


def answer(world, send, header, facts):
    """`on R1`: names it in the facts, and takes over its case."""
    field, case = REFERENCE.get(send.draft.kind), world.case_of(send.on)
    if field:
        facts[field] = header["correlation_id"] = Ref(send.on)
    header["causation_id"] = Ref(send.on)
    if case and not send.case:
        header["case_id"] = str(uuid.UUID(bytes=case))


def say_twice(draft, header, facts):
    """What facts and header both have."""
    names = draft.descriptor().fields_by_name
    for key in ("cluster", "case_id"):
        if key in names and key in header:
            facts.setdefault(key, header[key])
    for key in ("referral_id", "complaint_id", "event_id"):
        if key in facts:
            header.setdefault("correlation_id", facts[key])


def address(world, envelope, send):
    form, value = send.audience
    if form == "file":
        fill(envelope.audience, send.draft.file["envelope"].get("audience", {}), world)
    elif form == "to":
        envelope.audience.to.extend(value)
    elif form == "scope":
        envelope.audience.scope.extend(value)
    elif form == "role":
        fill(envelope.audience.role, value, world)


def has_sealed(draft, sensitivity):
    if draft.sealed is not None:
        return draft.sealed
    if draft.source:
        return bool(draft.file.get("sealed"))
    return sensitivity >= pb.SENSITIVITY_PERSONAL and draft.kind not in UNSEALED


def compose(world, send, who):
    draft = send.draft
    header, facts = header_of(world, draft), draft.value("facts")
    if send.on:
        answer(world, send, header, facts)
    if send.case:
        header["case_id"] = name_case(world, send.case, header.get("case_id"))
    say_twice(draft, header, facts)
    own = header.get("message_id")
    if send.anew or own is None or uuid.UUID(own).bytes in world.order:
        own = str(uuid.UUID(bytes=sc.uuid7()))
    header.update(message_id=own, kind=draft.kind, sender=who)

    e = fill(pb.Envelope(schema=1, urgency=pb.URGENCY_ROUTINE), header, world)
    e.created_at = world.now_ms()
    address(world, e, send)
    facts_bytes = fill(getattr(pb, draft.descriptor().name)(), facts, world).SerializeToString()
    sealed = world.sealer.seal(world.script.sealed_text()) if has_sealed(draft, e.sensitivity) else b""
    e.facts_digest = sc.digest(facts_bytes)
    e.sealed_digest = sc.digest(sealed) if sealed else b""
    for planted in world.script.planted():
        if planted.encode() in facts_bytes + e.SerializeToString():
            raise Failed(f'the clear part names "{planted}", which belongs in the sealed part')
    return sc.Message(e.SerializeToString(), facts_bytes, sealed)
