
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Groups that come and go, by random: whatever terms there are, a record finds
 * just those that want it, each once.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_group.h"

#include "gather_nginx.h"
#include "guard.h"
#include "tap.h"

#include "filter_block.h"


#define TERMS    2
#define GROUPS   40
#define STEPS    3000
#define RECORDS  5      /* after each of them */
#define LONG     70     /* bytes: more than a table looks at */


/* op and varies of each term, of a key and of a header */

static const struct {
    const char                 *name;
    ngx_uint_t                  nterms;
    ngx_kafka_ws_filter_term_t  terms[TERMS];
} filters[] = {
    { "=", 1, { { 0, EQUAL, 1 } } },
    { "in", 1, { { 0, IN, 1 } } },
    { "^=", 1, { { 0, PREFIX, 1 } } },
    { "^= and ^=", 2, { { 0, PREFIX, 1 }, { 1, PREFIX, 1 } } },
    { "^= of all and ^=", 2, { { 0, PREFIX, 0 }, { 1, PREFIX, 1 } } },
    { "^= and =", 2, { { 0, PREFIX, 1 }, { 1, EQUAL, 1 } } },
    { "^= and in", 2, { { 1, PREFIX, 1 }, { 0, IN, 1 } } },
    { "= of all and ^=", 2, { { 1, EQUAL, 0 }, { 0, PREFIX, 1 } } },
    { "^= and = of all", 2, { { 0, PREFIX, 0 }, { 1, EQUAL, 0 } } }
};


static ngx_kafka_ws_group_set_t      set;
static ngx_kafka_ws_group_t         *groups[GROUPS];   /* one may be many */
static ngx_kafka_ws_filter_field_t   fields[TERMS];
static char                          texts[4][LONG + 1];
static ngx_log_t                     nolog;
static ngx_uint_t                    found, missed, twice, wrong;


/* a few letters, or many that differ behind what a table looks at, if ever */

static ngx_kafka_ws_span_t
text(ngx_uint_t n, size_t min)
{
    size_t  i, len;

    len = min + (size_t) rand() % 4;

    if (rand() % 4 == 0) {
        len = LONG - (size_t) rand() % 10;
        memset(texts[n], 'a', LONG);
        i = len - 1 - (size_t) rand() % 3;

    } else {
        i = 0;
    }

    for ( /* void */ ; i < len; i++) {
        texts[n][i] = "ab"[rand() % 2];
    }

    texts[n][len] = '\0';

    return span(texts[n]);
}


static ngx_kafka_ws_group_t *
come(void)
{
    ngx_uint_t                  i, k;
    ngx_kafka_ws_span_t         values[TERMS][2];
    ngx_kafka_ws_filter_want_t  wants[TERMS];

    for (i = 0; i < set.nterms; i++) {
        wants[i].values = values[i];
        wants[i].nvalues = set.terms[i].op == IN ? 2 : 1;

        for (k = 0; k < wants[i].nvalues; k++) {
            values[i][k] = set.terms[i].varies ? text(i * 2 + k, 1)
                                               : span("a");
        }
    }

    return ngx_kafka_ws_group_get(&set, wants, &nolog);
}


/* how often a record finds a group */

static ngx_uint_t
finds(ngx_kafka_ws_group_t *group, uint8_t *block, size_t len)
{
    ngx_uint_t                  n;
    ngx_kafka_ws_group_t       *next;
    ngx_kafka_ws_group_iter_t   it;

    n = 0;
    it.begun = 0;

    while ((next = ngx_kafka_ws_group_next(&set, &it, block, len)) != NULL) {
        n += (next == group);
    }

    return n;
}


static void
look(void)
{
    int                             is;
    size_t                          len;
    uint8_t                        *block;
    ngx_uint_t                      g, n;
    ngx_kafka_ws_record_t           rec;
    ngx_kafka_ws_header_t           header;

    memset(&rec, 0, sizeof(rec));

    rec.key = text(0, 0);
    header.name = span("h");
    header.value = text(1, 0);
    rec.headers = &header;
    rec.nheaders = rand() % 10 ? 1 : 0;

    block = extracted(fields, TERMS, &rec, &len);

    for (g = 0; g < GROUPS; g++) {
        if (groups[g] == NULL) {
            continue;
        }

        is = ngx_kafka_ws_filter_match(set.terms, set.nterms,
                                       groups[g]->wants, block, len);
        n = finds(groups[g], block, len);

        found += (is && n == 1);
        missed += (is && n == 0);
        twice += (n > 1);
        wrong += (!is && n);
        wrong += ((ngx_uint_t) is
                  != ngx_kafka_ws_group_wants(&set, groups[g], block, len));
    }

    guard_free(block, len);
}


int
main(void)
{
    ngx_uint_t  i, f, g;

    fields[0] = field("key");
    fields[1] = field("header:h");

    srand(1);

    for (f = 0; f < nelts(filters); f++) {
        found = 0;
        missed = 0;
        twice = 0;
        wrong = 0;

        if (ngx_kafka_ws_group_set_init(&set,
                             (ngx_kafka_ws_filter_term_t *) filters[f].terms,
                             filters[f].nterms, &nolog)
            != NGX_OK)
        {
            exit(2);
        }

        for (i = 0; i < STEPS; i++) {
            g = (ngx_uint_t) rand() % GROUPS;

            if (groups[g]) {
                ngx_kafka_ws_group_release(&set, groups[g]);
                groups[g] = NULL;

            } else {
                groups[g] = come();
            }

            for (g = 0; g < RECORDS; g++) {
                look();
            }
        }

        for (g = 0; g < GROUPS; g++) {
            if (groups[g]) {
                ngx_kafka_ws_group_release(&set, groups[g]);
                groups[g] = NULL;
            }
        }

        ok(found > 1000, "%s: groups found, %lu", filters[f].name,
           (unsigned long) found);
        is_int(missed, 0, "%s: missed", filters[f].name);
        is_int(twice, 0, "%s: found twice", filters[f].name);
        is_int(wrong, 0, "%s: found, though it wants something else",
               filters[f].name);
        ok(set.ngroups == 0 && set.nentries == 0 && set.some == 0,
           "%s: nothing left", filters[f].name);

        ngx_kafka_ws_group_set_free(&set);
    }

    return tap_done(5 * (int) nelts(filters));
}
