
/*
 * kafka_bulk BOOTSTRAP NAME=VALUE ...
 *
 * Produces many records whose values prove themselves.
 *
 *   topic=T          required
 *   partitions=N     round robin over partitions 0 to N-1; default 1
 *   topics=1         they are topics T.0 to T.(N-1), partition 0 of each; a
 *                    value names the topic as its PARTITION
 *   count=N          so many records in all; default: until stopped
 *   seconds=N        for so long; default: until stopped
 *   rate=N           records a second in all; default 0: as fast as possible
 *   burst=N          with a rate: so many of them at a time; default 1
 *   size=N or N-M    bytes of a value, at least what its fields need; 100
 *   run=ID           names the run, [A-Za-z0-9_.-]; default "run"
 *   first=N          sequence of each partition's first record; default 0
 *   keys=N           keys k0 to k(N-1) in turn; default 0: null keys
 *   header=NAME      they are values of this header, and keys are null
 *   json=1           they are in the value, {"to":{"user":"k0"},"v":"VALUE"},
 *                    with the size of VALUE, and keys are null
 *   keyed=1          keys are there, too
 *   owner=1          and the value names them: its RUN is RUN.k0
 *   inflight=N       requests under way to a broker; default 5.  The mock does
 *                    not check their order: 1, where a leader moves
 *
 * A value is ASCII: RUN:PARTITION:SEQ:TIME:FILL:CRC, where SEQ is dense and
 * counts per partition, TIME is the wall clock in microseconds when it was
 * produced, FILL is random [a-z0-9], maybe empty, and CRC is the CRC-32 (as
 * in zlib) of all before it, the last colon included, in 8 hex digits.
 *
 * It prints "RUNNING" with the first acknowledged record and, when all is
 * acknowledged or a minute has passed since it stopped (TERM or INT stop it),
 *   OK sent=N acked=N failed=N seconds=S next=SEQ,SEQ,...
 * with the next sequence of each partition.  Exit code 0: none failed.  USR1
 * asks for
 *   LAP stall=US
 * with the longest time without an acknowledgement that ended since the last.
 */


#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <zlib.h>


#define KAFKA_BULK_FILL_MAX    (32 * 1024 * 1024)
#define KAFKA_BULK_HEAD_MAX    256
#define KAFKA_BULK_JSON_MAX    128
#define KAFKA_BULK_PARTITIONS  4096             /* or topics */
#define KAFKA_BULK_DRAIN       60               /* s */
#define KAFKA_BULK_CRC_LEN     9                /* colon and 8 digits */


typedef struct {
    char       *topic;
    char       *run;
    char       *header;
    int64_t     partitions;
    int64_t     topics;
    int64_t     count;
    int64_t     seconds;
    int64_t     rate;
    int64_t     burst;
    int64_t     size_min;
    int64_t     size_max;
    int64_t     first;
    int64_t     keys;
    int64_t     json;
    int64_t     keyed;
    int64_t     owner;
    int64_t     inflight;
} kafka_bulk_conf_t;


typedef struct {
    int64_t     sent;
    int64_t     acked;
    int64_t     failed;
    int64_t     acked_us;                       /* the last time */
    int64_t     stall_us;
    int64_t     seq[KAFKA_BULK_PARTITIONS];
    uint64_t    random;
    char       *fill;
    char       *value;
} kafka_bulk_t;


static int kafka_bulk_options(kafka_bulk_conf_t *kbc, int argc, char **argv);
static int kafka_bulk_size(kafka_bulk_conf_t *kbc, const char *text);
static rd_kafka_t *kafka_bulk_producer(const char *bootstrap,
    const kafka_bulk_conf_t *kbc, kafka_bulk_t *kb);
static int kafka_bulk_init(kafka_bulk_t *kb, const kafka_bulk_conf_t *kbc);
static void kafka_bulk_run(rd_kafka_t *rk, const kafka_bulk_conf_t *kbc,
    kafka_bulk_t *kb);
static rd_kafka_resp_err_t kafka_bulk_produce(rd_kafka_t *rk,
    const kafka_bulk_conf_t *kbc, kafka_bulk_t *kb);
static size_t kafka_bulk_value(const kafka_bulk_conf_t *kbc, kafka_bulk_t *kb,
    int64_t n, const char *user);
static void kafka_bulk_delivered(rd_kafka_t *rk,
    const rd_kafka_message_t *msg, void *opaque);
static uint64_t kafka_bulk_random(kafka_bulk_t *kb);
static int64_t kafka_bulk_now_us(clockid_t clock);
static void kafka_bulk_signal(int signo);


static volatile sig_atomic_t  kafka_bulk_stopped;
static volatile sig_atomic_t  kafka_bulk_lap_asked;


int
main(int argc, char **argv)
{
    int                  i;
    double               seconds;
    int64_t              start, deadline;
    rd_kafka_t          *rk;
    static kafka_bulk_t  kb;
    kafka_bulk_conf_t    kbc;

    if (argc < 3 || kafka_bulk_options(&kbc, argc, argv) != 0) {
        fprintf(stderr, "usage: %s BOOTSTRAP topic=T [NAME=VALUE ...]\n",
                argv[0]);
        return 2;
    }

    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void) signal(SIGTERM, kafka_bulk_signal);
    (void) signal(SIGINT, kafka_bulk_signal);
    (void) signal(SIGUSR1, kafka_bulk_signal);
    setvbuf(stdout, NULL, _IOLBF, 0);

    if (kafka_bulk_init(&kb, &kbc) != 0) {
        return 1;
    }

    rk = kafka_bulk_producer(argv[1], &kbc, &kb);
    if (rk == NULL) {
        return 1;
    }

    start = kafka_bulk_now_us(CLOCK_MONOTONIC);

    kafka_bulk_run(rk, &kbc, &kb);

    deadline = kafka_bulk_now_us(CLOCK_MONOTONIC)
               + (int64_t) KAFKA_BULK_DRAIN * 1000000;

    while (kb.acked + kb.failed < kb.sent
           && kafka_bulk_now_us(CLOCK_MONOTONIC) < deadline)
    {
        rd_kafka_poll(rk, 100);
    }

    seconds = (double) (kafka_bulk_now_us(CLOCK_MONOTONIC) - start) / 1e6;

    printf("OK sent=%" PRId64 " acked=%" PRId64 " failed=%" PRId64
           " seconds=%.3f next=", kb.sent, kb.acked, kb.sent - kb.acked,
           seconds);

    for (i = 0; i < kbc.partitions; i++) {
        printf("%s%" PRId64, i > 0 ? "," : "", kb.seq[i]);
    }

    printf("\n");
    fflush(stdout);

    _exit(kb.acked == kb.sent ? 0 : 1);
}


static int
kafka_bulk_options(kafka_bulk_conf_t *kbc, int argc, char **argv)
{
    int      i;
    char    *value, *last;
    size_t   n;
    int64_t  number;

    const struct {
        const char  *name;
        int64_t     *field;
    } numbers[] = {
        { "partitions", &kbc->partitions },
        { "topics", &kbc->topics },
        { "count", &kbc->count },
        { "seconds", &kbc->seconds },
        { "rate", &kbc->rate },
        { "burst", &kbc->burst },
        { "first", &kbc->first },
        { "keys", &kbc->keys },
        { "json", &kbc->json },
        { "keyed", &kbc->keyed },
        { "owner", &kbc->owner },
        { "inflight", &kbc->inflight }
    };

    memset(kbc, 0, sizeof(kafka_bulk_conf_t));

    kbc->run = "run";
    kbc->partitions = 1;
    kbc->burst = 1;
    kbc->size_min = 100;
    kbc->size_max = 100;
    kbc->inflight = 5;

    for (i = 2; i < argc; i++) {
        value = strchr(argv[i], '=');
        if (value == NULL) {
            return -1;
        }

        *value++ = '\0';

        if (strcmp(argv[i], "topic") == 0) {
            kbc->topic = value;
            continue;
        }

        if (strcmp(argv[i], "run") == 0) {
            kbc->run = value;
            continue;
        }

        if (strcmp(argv[i], "header") == 0) {
            kbc->header = value;
            continue;
        }

        if (strcmp(argv[i], "size") == 0) {
            if (kafka_bulk_size(kbc, value) != 0) {
                return -1;
            }

            continue;
        }

        number = strtoll(value, &last, 10);

        if (*value == '\0' || *last != '\0' || number < 0) {
            return -1;
        }

        for (n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
            if (strcmp(argv[i], numbers[n].name) == 0) {
                *numbers[n].field = number;
                break;
            }
        }

        if (n == sizeof(numbers) / sizeof(numbers[0])) {
            return -1;
        }
    }

    if (kbc->topic == NULL || strlen(kbc->run) > 64
        || kbc->partitions < 1 || kbc->partitions > KAFKA_BULK_PARTITIONS
        || kbc->burst < 1
        || ((kbc->header || kbc->json || kbc->owner) && kbc->keys == 0))
    {
        return -1;
    }

    return 0;
}


static int
kafka_bulk_size(kafka_bulk_conf_t *kbc, const char *text)
{
    char  *last;

    kbc->size_min = strtoll(text, &last, 10);
    kbc->size_max = kbc->size_min;

    if (*last == '-') {
        kbc->size_max = strtoll(last + 1, &last, 10);
    }

    if (*last != '\0' || kbc->size_min < 0
        || kbc->size_max < kbc->size_min
        || kbc->size_max > KAFKA_BULK_FILL_MAX / 2)
    {
        return -1;
    }

    return 0;
}


static rd_kafka_t *
kafka_bulk_producer(const char *bootstrap, const kafka_bulk_conf_t *kbc,
    kafka_bulk_t *kb)
{
    size_t            i;
    char              inflight[32], text[512];
    rd_kafka_t       *rk;
    rd_kafka_conf_t  *conf;

    const char  *props[][2] = {
        { "bootstrap.servers", bootstrap },
        { "enable.idempotence", "true" },
        { "linger.ms", kbc->rate > 0 && kbc->rate < 1000 ? "0" : "2" },
        { "socket.nagle.disable", "true" },
        { "message.max.bytes", "33554432" },
        { "retry.backoff.ms", "20" },
        { "request.timeout.ms", "5000" },
        { "reconnect.backoff.max.ms", "200" },
        { "max.in.flight.requests.per.connection", inflight },
        { "log_level", "2" }
    };

    snprintf(inflight, sizeof(inflight), "%" PRId64, kbc->inflight);

    conf = rd_kafka_conf_new();

    for (i = 0; i < sizeof(props) / sizeof(props[0]); i++) {

        if (rd_kafka_conf_set(conf, props[i][0], props[i][1], text,
                              sizeof(text))
            != RD_KAFKA_CONF_OK)
        {
            fprintf(stderr, "kafka_bulk: %s\n", text);
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    }

    rd_kafka_conf_set_opaque(conf, kb);
    rd_kafka_conf_set_dr_msg_cb(conf, kafka_bulk_delivered);

    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));

    if (rk == NULL) {
        fprintf(stderr, "kafka_bulk: %s\n", text);
        rd_kafka_conf_destroy(conf);
    }

    return rk;
}


static int
kafka_bulk_init(kafka_bulk_t *kb, const kafka_bulk_conf_t *kbc)
{
    size_t             i, size;
    static const char  chars[] = "abcdefghijklmnopqrstuvwxyz0123456789";

    size = (size_t) kbc->size_max * 2 + 65536;

    kb->fill = malloc(size);
    kb->value = malloc(size + KAFKA_BULK_HEAD_MAX + KAFKA_BULK_JSON_MAX);

    if (kb->fill == NULL || kb->value == NULL) {
        fprintf(stderr, "kafka_bulk: no memory\n");
        return -1;
    }

    kb->random = (uint64_t) kafka_bulk_now_us(CLOCK_REALTIME)
                 ^ (uint64_t) getpid() << 32;

    for (i = 0; i < size; i++) {
        kb->fill[i] = chars[kafka_bulk_random(kb) % (sizeof(chars) - 1)];
    }

    for (i = 0; i < KAFKA_BULK_PARTITIONS; i++) {
        kb->seq[i] = kbc->first;
    }

    return 0;
}


static void
kafka_bulk_run(rd_kafka_t *rk, const kafka_bulk_conf_t *kbc, kafka_bulk_t *kb)
{
    int64_t  now, start, due, wait_us;

    start = kafka_bulk_now_us(CLOCK_MONOTONIC);

    while (!kafka_bulk_stopped) {
        now = kafka_bulk_now_us(CLOCK_MONOTONIC);

        if (kafka_bulk_lap_asked) {
            kafka_bulk_lap_asked = 0;
            printf("LAP stall=%" PRId64 "\n", kb->stall_us);
            kb->stall_us = 0;
        }

        if ((kbc->seconds > 0 && now - start >= kbc->seconds * 1000000)
            || (kbc->count > 0 && kb->sent >= kbc->count))
        {
            return;
        }

        if (kbc->rate > 0) {
            due = kb->sent - kb->sent % kbc->burst;
            due = start + (int64_t) ((double) due * 1e6 / (double) kbc->rate);
            wait_us = due - now;

            if (wait_us > 0) {
                rd_kafka_poll(rk, 0);
                (void) usleep(wait_us < 20000 ? (useconds_t) wait_us : 20000);
                continue;
            }
        }

        if (kafka_bulk_produce(rk, kbc, kb)
            == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        {
            rd_kafka_poll(rk, 10);
            continue;
        }

        rd_kafka_poll(rk, 0);
    }
}


static rd_kafka_resp_err_t
kafka_bulk_produce(rd_kafka_t *rk, const kafka_bulk_conf_t *kbc,
    kafka_bulk_t *kb)
{
    char                 user[32], topic[256], *key;
    size_t               len;
    int64_t              n;
    rd_kafka_headers_t  *headers;
    rd_kafka_resp_err_t  err;

    n = kb->sent % kbc->partitions;
    key = NULL;
    headers = NULL;
    user[0] = '\0';

    if (kbc->keys > 0) {
        snprintf(user, sizeof(user), "k%" PRId64, kb->sent % kbc->keys);

        if (kbc->header) {
            headers = rd_kafka_headers_new(1);
            (void) rd_kafka_header_add(headers, kbc->header, -1, user, -1);
        }

        key = kbc->keyed || !(kbc->header || kbc->json) ? user : NULL;
    }

    len = kafka_bulk_value(kbc, kb, n, user);
    snprintf(topic, sizeof(topic), "%s.%d", kbc->topic, (int) n);

    err = rd_kafka_producev(rk,
                  RD_KAFKA_V_TOPIC(kbc->topics ? topic : kbc->topic),
                  RD_KAFKA_V_PARTITION(kbc->topics ? 0 : (int32_t) n),
                  RD_KAFKA_V_KEY(key, key ? strlen(key) : 0),
                  RD_KAFKA_V_VALUE(kb->value, len),
                  RD_KAFKA_V_HEADERS(headers),
                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);

    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        kb->seq[n]++;
        kb->sent++;

        return err;
    }

    if (headers) {
        rd_kafka_headers_destroy(headers);
    }

    if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        fprintf(stderr, "kafka_bulk: %s\n", rd_kafka_err2str(err));
        kafka_bulk_stopped = 1;
    }

    return err;
}


static size_t
kafka_bulk_value(const kafka_bulk_conf_t *kbc, kafka_bulk_t *kb,
    int64_t n, const char *user)
{
    char    *value;
    size_t   size, len, fill;

    size = (size_t) (kbc->size_min + (int64_t) (kafka_bulk_random(kb)
                   % (uint64_t) (kbc->size_max - kbc->size_min + 1)));

    value = kb->value;

    if (kbc->json) {
        value += snprintf(value, KAFKA_BULK_JSON_MAX,
                          "{\"to\":{\"user\":\"%s\"},\"v\":\"", user);
    }

    len = (size_t) snprintf(value, KAFKA_BULK_HEAD_MAX,
                            "%s%s%s:%" PRId64 ":%" PRId64 ":%" PRId64 ":",
                            kbc->run, kbc->owner ? "." : "",
                            kbc->owner ? user : "", n, kb->seq[n],
                            kafka_bulk_now_us(CLOCK_REALTIME));

    if (size > len + KAFKA_BULK_CRC_LEN) {
        fill = size - len - KAFKA_BULK_CRC_LEN;
        memcpy(&value[len], &kb->fill[kafka_bulk_random(kb) % 65536], fill);
        len += fill;
    }

    value[len++] = ':';

    len += (size_t) snprintf(&value[len], KAFKA_BULK_CRC_LEN, "%08" PRIx32,
                             (uint32_t) crc32(0, (const Bytef *) value,
                                              (uInt) len));

    if (kbc->json) {
        memcpy(&value[len], "\"}", 2);
        len += 2;
    }

    return (size_t) (value - kb->value) + len;
}


static void
kafka_bulk_delivered(rd_kafka_t *rk, const rd_kafka_message_t *msg,
    void *opaque)
{
    int64_t        now;
    kafka_bulk_t  *kb = opaque;

    (void) rk;

    if (msg->err != RD_KAFKA_RESP_ERR_NO_ERROR) {

        if (kb->failed++ == 0) {
            fprintf(stderr, "kafka_bulk: %s\n", rd_kafka_err2str(msg->err));
        }

        return;
    }

    now = kafka_bulk_now_us(CLOCK_MONOTONIC);

    if (kb->acked++ == 0) {
        printf("RUNNING\n");

    } else if (now - kb->acked_us > kb->stall_us) {
        kb->stall_us = now - kb->acked_us;
    }

    kb->acked_us = now;
}


/* xorshift64 */

static uint64_t
kafka_bulk_random(kafka_bulk_t *kb)
{
    kb->random ^= kb->random << 13;
    kb->random ^= kb->random >> 7;
    kb->random ^= kb->random << 17;

    return kb->random;
}


static int64_t
kafka_bulk_now_us(clockid_t clock)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static void
kafka_bulk_signal(int signo)
{
    if (signo == SIGUSR1) {
        kafka_bulk_lap_asked = 1;

    } else {
        kafka_bulk_stopped = 1;
    }
}
