#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Mistakes in a scenario are told with file, line and what was expected; what holds of every
scenario at its end is seen when it does not. No broker runs here."""
import os
import sys
import tempfile
import types

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import run_scenario  # noqa: E402
from messages import pb  # noqa: E402
from parse import Script  # noqa: E402
from world import MAILBOX, World  # noqa: E402

HEAD = """Scenario T1: a test
Brokers: hub, upt/satria
Nodes at upt/satria: dsk/3302, dsp/33, lksa/3302/0008
People: Slamet Nugroho 3302090508150002
Unless said otherwise: region 3302, cluster CHILD, sensitivity SPECIFIC
On 2025-03-08 at 09:00 WIB
"""
FIRST = HEAD.count("\n") + 1
SEND = "dsk/3302 sends R1 = REFERRAL_REQUEST to lksa/3302/0008 about case C1\n"
# What is wrong, on which line after the head, and what the complaint says.
MISTAKES = [
    ("dsk/3303 sends R1 = REFERRAL_REQUEST", 0, '"dsk/3303" is not among the Nodes'),
    ("dsk/3302 sends R1 = REFERRAL_REQEST", 0, "did you mean REFERRAL_REQUEST"),
    ("dsk/3302 sends s1-04-referal-request", 0, "did you mean s1-04-referral-request"),
    ("dsk/3302 sends R1 again", 0, '"R1" was not sent before'),
    ("dsk/3302 sends REFERRAL_RESPONSE on R9: decision ACCEPTED", 0, '"R9" was not sent before'),
    (SEND + "    referral_kind TO_HOME", 1, "did you mean TO_SOCIAL_HOME"),
    (SEND + "    requested_on 8 March", 1, "a day is written 2025-03-08"),
    (SEND + "    documents one from dsk/3302", 1, "documents begins with the kind of document"),
    (SEND + "    documents 1 by dsk/3302", 1, '"from", "on" and "number"'),
    (SEND + "    assessor SOCIAL_WORKR", 1, "did you mean SOCIAL_WORKER"),
    (SEND + "    emergency maybe", 1, "emergency is true or false"),
    (SEND + "    refferal_kind TO_FAMILY", 1, "did you mean referral_kind"),
    (SEND + "  it is accepted with warning", 1, "near to it are: it is accepted"),
    (SEND + "  referral R1 is PLACED, costodian dsk/3302", 1, "after the state come custodian"),
    (SEND + "  referral R2 is PLACED", 1, '"R2" was not sent before'),
    (SEND + "  dsp/34 gets a facts copy of R1", 1, "did you mean dsp/33"),
    (SEND + "  the worklist of dsk/3302 holds R1 to wait", 1, "work is to receive"),
    ("On 2025-03-32 at 09:00 WIB", 0, "is no day"),
    ("At 25:00 WIB", 0, "is no hour"),
    ("At 09:00 WEB", 0, "the zones are WIB, WITA and WIT"),
    ("3 weeks later", 0, "say seconds, minutes, hours or days"),
    ("broker upt/kartini is killed", 0, "is not among the Brokers: hub, upt/satria"),
    ("Nodes at upt/kartini: dsk/3303", 0, "is not among the Brokers"),
    ("People: Tri 33", 0, "with name and NIK of 16 digits"),
    ("it would be wrong to say: broker hub is killed", 0, "only a check"),
]


def read(text):
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as f:
        f.write(text)
        f.flush()
        return Script(f.name).read(), os.path.relpath(f.name)


def mistakes_are_told_with_file_line_and_what_was_expected():
    for text, line, wanted in MISTAKES:
        script, path = read(HEAD + text + "\n")
        told = "\n".join(script.complaints)
        assert f"{path}:{FIRST + line}: " in told and wanted in told, (text, told)
    script, _ = read(HEAD + SEND + "    referral_kind TO_FAMILY (rujukan ke keluarga)  # RF-1\n")
    assert script.complaints == [], script.complaints
    script, _ = read("Scenario T2: nothing\n")
    assert "nothing happens" in script.complaints[0], script.complaints


def a_leak_is_seen_wherever_it_is():
    script, _ = read(HEAD + SEND)
    case = bytes(range(16))
    for log, answer, wanted in (
            ("", "", None), ("all is well", "R-040 said", None),
            ("handed over to Slamet Nugroho", "", "the log of a broker"),
            ("", "no such person: 3302090508150002", "an answer or a list"),
            ("case 00010203-0405-0607-0809-0a0b0c0d0e0f", "", "the log of a broker"),
            ("", "trace 000102030405060708090a0b0c0d0e0f", "an answer or a list"),
            ("Uraian: ditemukan sendirian, perlu pertolongan segera.", "", "the log of a broker")):
        with tempfile.NamedTemporaryFile("w+") as f:
            f.write(log)
            f.flush()
            world = types.SimpleNamespace(script=script, c=types.SimpleNamespace(log=f),
                                          outputs=[answer], ids={"C1": case})
            try:
                run_scenario.nothing_leaked(world)
                told = None
            except run_scenario.Failed as e:
                told = str(e)
            right = told is None if wanted is None else wanted in (told or "")
            assert right, (log, answer, told)


def a_second_delivery_and_a_copy_with_sealed_bytes_are_seen():
    head = pb.Envelope(kind=pb.MESSAGE_KIND_REFERRAL_REQUEST)
    who = types.SimpleNamespace(node="dsp/33")

    def come(role, sealed, attempts):
        world = types.SimpleNamespace(got=[], told=[], step=0, name_of=str)
        try:
            for attempt in attempts:
                World.take(world, who, types.SimpleNamespace(
                    channel=MAILBOX, head=head, id=b"1", facts=b"", sealed=sealed, attempt=attempt,
                    frame=types.SimpleNamespace(role=role)))
        except run_scenario.Failed as e:
            return str(e)
        return None
    addressee, supervisor = pb.RECIPIENT_ROLE_ADDRESSEE, pb.RECIPIENT_ROLE_SUPERVISOR
    assert come(addressee, b"x", [1]) is None
    assert come(addressee, b"x", [1, 2]) is None  # again after a crash: no second message
    assert "twice" in come(addressee, b"x", [1, 1])
    assert come(supervisor, b"", [1]) is None
    assert "sealed bytes" in come(supervisor, b"x", [1])


if __name__ == "__main__":
    for test in (mistakes_are_told_with_file_line_and_what_was_expected,
                 a_leak_is_seen_wherever_it_is,
                 a_second_delivery_and_a_copy_with_sealed_bytes_are_seen):
        test()
        print(f"ok    {test.__name__}")
