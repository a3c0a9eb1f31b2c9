/* SPDX-License-Identifier: Apache-2.0 */

/* Seeds: JSON, configuration, directory lines, and stored columns. */

#include "fuzz/make-corpus.h"

static void json_bombs(const char *target) {
    Buf b = { 0 };
    for (int i = 0; i < 3000; i++)
        buf_add_text(&b, "{\"facts\":");
    put_buf(target, "bomb-depth", &b);
    put_text(target, "twice", "{\"kinds\":[],\"kinds\":[]}");
    put_text(target, "null", "null");
    put_text(target, "number",
             "{\"envelope\":{\"kind\":1e999,\"schema\":-1},\"capacity\":99999999999999999999}");
    put_text(target, "surrogate", "{\"envelope\":{\"sender\":\"\\ud800\\u0000\"}}");
    put(target, "empty", bytes_make("", 0));
}

void texts(void) {
    size_t n;
    json_bombs("json-message");
    json_bombs("json-filter");
    json_bombs("directory-line");
    put_text("json-filter", "all-fields",
             "{\"kinds\":[\"REFERRAL_REQUEST\",\"MESSAGE_KIND_COMPLAINT\"],\"regions\":[\"32\","
             "\"3306052001\"],\"clusters\":[\"CHILD\"],\"case_ids\":"
             "[\"98f0b713-5c21-46a5-b3bf-876609d006a5\"],\"urgencies\":[\"EVENT\"],"
             "\"sender_kinds\":[\"PUSKESOS\"]}");
    put_text("json-filter", "nothing", "{}");
    put_text("json-filter", "nation", "{\"regions\":[\"\"]}");
    put_text("json-message", "everything-wrong",
             "{\"envelope\":{\"message_id\":\"x\",\"kind\":\"NONE\",\"created_at\":\"2025-02-30\"},"
             "\"facts\":{},\"sealed\":\"####\"}");
    put_text("directory-line", "key",
             "{\"key\":{\"node\":\"hub\",\"curve\":\"0123456789012345678901234567890123456789\","
             "\"label\":\"a\",\"broker\":true,\"operator\":true,\"valid_from_at\":"
             "\"2025-03-10T03:05:00Z\"}}");
    put_text("directory-line", "key-that-signs",
             "{\"key\":{\"node\":\"hub\",\"curve\":\"0123456789012345678901234567890123456789\","
             "\"ed25519\":\"AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISI=\",\"x25519\":"
             "\"AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISI=\"}}");
    put_text(
        "directory-line", "tree",
        "{\"node\":{\"id\":\"hub\",\"kind\":\"NATIONAL_HUB\",\"broker\":true}}\n"
        "{\"node\":{\"id\":\"upt/a\",\"kind\":\"UPT_BALAI\",\"broker\":true,"
        "\"broker_parent\":\"hub\",\"service_area\":[{\"region\":\"33\",\"priority\":1}]}}\n"
        "{\"node\":{\"id\":\"dsk/3306\",\"kind\":\"SOCIAL_AGENCY_REGENCY\",\"home\":\"upt/a\"}}\n"
        "{\"region\":{\"code\":\"3306\",\"name\":\"Purworejo\",\"alias_of\":\"33\"}}\n");
    put_text(
        "directory-line", "ring",
        "{\"node\":{\"id\":\"upt/a\",\"kind\":4,\"broker\":true,\"broker_parent\":\"upt/b\"}}\n"
        "{\"node\":{\"id\":\"upt/b\",\"kind\":4,\"broker\":true,\"broker_parent\":\"upt/a\"}}\n");
    put_text(
        "directory-line", "institution",
        "{\"node\":{\"id\":\"lksa/3302/0008\",\"kind\":\"LKSA\",\"home\":\"hub\",\"lpks\":true,"
        "\"bases\":[\"FAMILY\"],\"accreditation\":{\"grade\":\"C\",\"valid_until\":"
        "\"2025-04-30\"},\"designation\":{\"by\":\"GOVERNOR\",\"scope\":\"IN_HOME\"}}}\n"
        "{\"holiday\":{\"on\":\"2025-03-31\",\"name\":\"Idul Fitri\"}}\n"
        "{\"holiday\":{\"on\":\"2025-03-31\",\"working\":true}}\n");
    _cleanup_(freep) char *lines = read_text("tests/fixtures/directory/directory.jsonl", &n);
    char *save = NULL;
    unsigned i = 0;
    for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char name[32];
        (void)snprintf(name, sizeof(name), "line-%u", i);
        if (i++ % 120 == 0)
            put_text("directory-line", name, line);
    }
    _cleanup_(freep) char *config = read_text("daemon/serasid.conf", &n);
    put("config", "shipped", bytes_make(config, n));
    put_text("config", "hub",
             "[node]\nid = hub\nrole = hub\nkey-file = /etc/serasi/hub.key\n[listen]\n"
             "endpoint = tcp://*:7021\nendpoint = tcp://[::1]:7022\n[limits]\nsessions = 100\n"
             "[store]\nfree-low = 64M\n[delivery]\nretry-first = 1s\n[log]\nlevel = debug\n");
    put_text("config", "regional",
             "[node]\nid=upt/satria\nrole=regional\nkey-file=key\ndata-dir=.\n[parent]\n"
             "endpoint=tcp://hub.example:7021\nkey=0123456789012345678901234567890123456789\n"
             "node=hub\n");
    put_text("config", "client",
             "[node]\nid = dsk/3306 ; ours\nrole = client\nkey-file = k\n[connection]\n"
             "endpoint = ipc:///run/serasid/x.sock\n"
             "key = 0123456789012345678901234567890123456789\n");
    put_text("config", "wrong",
             "id = 1\n[nodes]\nx = 1\n[node]\nid = A\nid = B\nrole = king\n[store]\n"
             "free-low = 99999999999999999999G\npage-size = 3\n[delivery]\nretry-cap = -1d\n[\n");
    put("config", "empty", bytes_make("", 0));
}

/* --- stored bytes --- */

void stored(void) {
    uint8_t bytes[2 * FRAME_MAX];
    Filter f = sample_filter(), none = { 0 };
    put("filter", "all-fields", codec_encode_filter(&f, bytes, sizeof(bytes)));
    put("filter", "none", codec_encode_filter(&none, bytes, sizeof(bytes)));
    bombs("filter");

    Route route = { .scope = true };
    HopStamp stamps[2] = { { "hub", NOW_MS }, { "upt/satria", NOW_MS + 5 } };
    Buf r = { 0 }, b = { 0 };
    FUZZ_CHECK(route_add(&route, "dsk/3306", ROLE_ADDRESSEE, 0, 3));
    FUZZ_CHECK(route_add(&route, "dsp/33", ROLE_SUPERVISOR, ROUTE_CLOSED, 4));
    FUZZ_CHECK(route_add(&route, "upt/loka", ROLE_ADDRESSEE, ROUTE_SCOPE_HOP, 0xffffffff));
    route_encode(&route, &r);
    add_part(&b, buf_bytes(&r));
    stamps_encode(stamps, 2, &b);
    put_buf("route", "all", &b);
    add_part(&b, bytes_make(r.p, r.n - 1));
    stamps_encode(stamps, 1, &b);
    b.n--;
    put_buf("route", "cut", &b);
    put("route", "empty", bytes_make("", 0));
    buf_deinit(&r);
    route_deinit(&route);
}
