/* SPDX-License-Identifier: Apache-2.0 */

/*
 * [timers] of serasid.conf(5): how long everybody has, by urgency: "routine:3wd emergency:1h". What
 * is not named stays as it was; a time nobody owes anything in cannot be added.
 */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "daemon/config.h"

static const ConfigWord urgencies[] = {
    { "routine", URGENCY_ROUTINE },
    { "priority", URGENCY_PRIORITY },
    { "emergency", URGENCY_EMERGENCY },
    { "event", URGENCY_EVENT },
    { NULL, 0 },
};

static int refuse(Buf *why, const char *part, const char *what) {
    buf_addf(why, "\"%s\" %s", part, what);
    return -EINVAL;
}

static int set_part(TimerKind kind, const char *part, TimerTerms *terms, Buf *why) {
    const char *colon = strchr(part, ':');
    const ConfigWord *w = urgencies;
    while (w->word && colon &&
           (strlen(w->word) != (size_t)(colon - part) || !text_starts_with(part, w->word)))
        w++;
    if (!colon || !w->word)
        return refuse(why, part, "is none of routine:TERM, priority:, emergency: and event:");
    if (!timer_term(&timer_policy, kind, (int)w->value, NODE_UNSPECIFIED))
        return refuse(why, part, "names an urgency that has no such term");
    const int r = timer_term_parse(colon + 1, &terms->of[w->value]);
    if (r == -ERANGE)
        return refuse(why, part, "is out of range; allowed is 1min to 3660d");
    if (r < 0)
        return refuse(why, part, "is not a term such as 15min, 2h, 3d or 5wd");
    return 0;
}

int config_set_timers(TimerKind kind, const char *text, TimerTerms *terms, Buf *why) {
    TimerTerms next = *terms;
    char part[64];
    const char *p = text + strspn(text, " \t");
    if (*p == '\0')
        return refuse(why, text, "names no term");
    for (; *p != '\0'; p += strspn(p, " \t")) {
        const size_t n = strcspn(p, " \t");
        if (n >= sizeof(part))
            return refuse(why, text, "holds a word that is too long");
        memcpy(part, p, n);
        part[n] = '\0';
        const int r = set_part(kind, part, &next, why);
        if (r < 0)
            return r;
        p += n;
    }
    *terms = next;
    return 0;
}

void config_format_timers(const TimerTerms *terms, Buf *b) {
    const char *between = "";
    for (const ConfigWord *w = urgencies; w->word; w++) {
        char text[TIMER_TERM_SIZE];
        if (!timer_term_is_set(&terms->of[w->value]))
            continue;
        timer_term_format(&terms->of[w->value], text);
        buf_addf(b, "%s%s:%s", between, w->word, text);
        between = " ";
    }
}
