/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * For the files of rules: which kinds a rule is asked about, what rules ask of their input
 * (rules-input.c), and the checks themselves, rule_NNN() for R-NNN.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "law/rules.h"

/* --- kinds -------------------------------------------------------------------------------- */

/* A bit for each kind of message that has rules; M00 stands for all others, newer ones too. */
enum {
    M00 = 1 << 0,
    M01 = 1 << 1,
    M02 = 1 << 2,
    M03 = 1 << 3,
    M04 = 1 << 4,
    M05 = 1 << 5,
    M10 = 1 << 6,
    M11 = 1 << 7,
    M20 = 1 << 8,
    M21 = 1 << 9,
    M22 = 1 << 10,
    M23 = 1 << 11,
    M30 = 1 << 12,
    M40 = 1 << 13,
    M41 = 1 << 14,
    M42 = 1 << 15,
    M43 = 1 << 16,
    M44 = 1 << 17,
    M45 = 1 << 18,
    M50 = 1 << 19,
    M51 = 1 << 20,
    M60 = 1 << 21,
    M61 = 1 << 22,
    M62 = 1 << 23,
    M70 = 1 << 24,
    M71 = 1 << 25,
    M80 = 1 << 26,
    M91 = 1 << 27,
    ALL = (1 << 28) - 1,
    CASES = M01 | M02 | M03 | M04 | M05 | M22 | M30 | M40 | M41 | M42 | M43 | M44 | M45 | M50 |
            M51 | M80, /* the case-bearing ones */
};
uint32_t rule_kind_bit(int kind);

/* --- severities --------------------------------------------------------------------------- */

static inline Severity refuse_if(bool violated) {
    return violated ? SEVERITY_REFUSE : SEVERITY_NONE;
}
static inline Severity warn_if(bool violated) {
    return violated ? SEVERITY_WARN : SEVERITY_NONE;
}

/* --- what rules ask ----------------------------------------------------------------------- */

static inline bool is_kind(const RuleInput *in, int kind) {
    return in->message->env.kind == kind;
}
/* The day it is in the zone of the message's region. */
CivilDate rule_today(const RuleInput *in);
/* The day of a point of time there. */
CivilDate rule_day_of(const RuleInput *in, int64_t wall_ms);

/* Is the sender the node of that id, or a system that speaks for it? */
bool sender_is(const RuleInput *in, const char *node);

/* The institution a referral or transfer is asked of: the first addressee (as in Act). Of an
 * answer: the one who answers. NULL when it is not in the directory. */
const DirNode *rule_target(const RuleInput *in);
/* The first region of the message that nobody knows; NULL when all are known. */
const char *rule_unknown_region(const RuleInput *in);
/* Does the region lie in the prefix? An empty prefix holds nothing. */
bool region_is_within(const char *region, const char *prefix);

/* The referral the message answers or continues, once it was opened here; NULL = not known. */
const Item *rule_referral(const RuleInput *in);
/* ReferralKind of the request, or of the referral it is about; 0 when not known. */
int rule_referral_kind(const RuleInput *in);
/* Whose lawfulness is asked: of a request the target, of an answer who accepts or is named in a
 * redirect. NULL = nobody's. */
const DirNode *rule_place(const RuleInput *in);
/* A request, or a supplement to one that is known here (phase q). */
bool rule_is_request(const RuleInput *in);

/* The document as this message gives it; NULL when it does not. */
const Document *rule_document(const RuleInput *in, DocumentType type);
/* Given by this message, or with the referral before it. */
bool rule_has_document(const RuleInput *in, DocumentType type);
/* Is the issuer a node of that kind: by the directory, or by its name when it is not a participant.
 */
bool rule_issued_by(const RuleInput *in, const Document *d, NodeKind kind);
/* Document 5: owed at placement, a warning before that. */
Severity rule_health_certificate_missing(const RuleInput *in);
/* Of a case-bearing kind, or naming a case. */
static inline bool is_about_a_case(const RuleInput *in) {
    return (rule_kind_bit(in->message->env.kind) & CASES) ||
           !uuid_is_nil(&in->message->env.case_id);
}
/* The i-th addressee as resolved; NULL when it is not in the directory. */
static inline const DirNode *rule_addressee(const RuleInput *in, uint32_t i) {
    return directory_node(in->directory, in->to[i].node);
}
static inline bool staff_is_social_worker(const Staff *s) {
    return s->present && s->role == HR_ROLE_SOCIAL_WORKER;
}

/* --- the checks --------------------------------------------------------------------------- */

#define CHECK(nnn) Severity rule_##nnn(const RuleInput *in)

/* rules-common.c */
CHECK(001);
CHECK(002);
CHECK(003);
CHECK(004);
CHECK(005);
CHECK(006);
CHECK(007);
CHECK(008);
CHECK(009);
CHECK(010);
CHECK(011);
CHECK(012);
CHECK(013);
CHECK(014);
CHECK(015);
CHECK(016);
CHECK(017);
CHECK(018);
CHECK(019);
CHECK(020);
CHECK(021);
CHECK(022);
CHECK(023);
CHECK(024);

/* rules-family.c */
CHECK(030);
CHECK(031);
CHECK(032);

/* rules-home.c */
CHECK(040);
CHECK(041);
CHECK(042);
CHECK(043);
CHECK(044);
CHECK(045);
CHECK(046);
CHECK(047);
CHECK(048);
CHECK(049);
CHECK(050);

/* rules-upt.c */
CHECK(060);
CHECK(061);
CHECK(062);
CHECK(063);
CHECK(064);
CHECK(065);
CHECK(066);
CHECK(067);
CHECK(068);
CHECK(069);

/* rules-emergency.c */
CHECK(070);
CHECK(073);
CHECK(074);
CHECK(075);

/* rules-special.c */
CHECK(080);
CHECK(081);
CHECK(082);

/* rules-case.c */
CHECK(100);
CHECK(101);
CHECK(102);
CHECK(103);
CHECK(104);
CHECK(105);
CHECK(106);
CHECK(107);
CHECK(108);
CHECK(109);
CHECK(110);
CHECK(111);
CHECK(114);
CHECK(115);

/* rules-register.c */
CHECK(121);
CHECK(122);
CHECK(123);

/* rules-complaint.c */
CHECK(130);
CHECK(131);

/* rules-event.c */
CHECK(140);
CHECK(141);
CHECK(142);

/* rules-report.c */
CHECK(150);
CHECK(151);
CHECK(153);

/* rules-privacy.c */
CHECK(160);
CHECK(161);
CHECK(162);
