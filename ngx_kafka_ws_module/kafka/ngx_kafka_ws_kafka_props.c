
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Which of librdkafka's properties a cluster block may set.  The list of
 * what passes is closed: a property that a later librdkafka brings is refused
 * until somebody has thought about it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_kafka.h"


/* a name that ends with "*" stands for all that begin with it */

typedef struct {
    const char  *name;
    const char  *reason;      /* NULL: passes */
} ngx_kafka_ws_kafka_prop_t;


#define NGX_KAFKA_WS_LOADS    "it would load code into nginx"
#define NGX_KAFKA_WS_RUNS     "it would run a shell"
#define NGX_KAFKA_WS_GROUP    "partitions are assigned without a group"
#define NGX_KAFKA_WS_COMMIT   "nothing is committed to Kafka"
#define NGX_KAFKA_WS_OWN      "the module depends on its own value"
#define NGX_KAFKA_WS_BROKERS  "use \"brokers\""
#define NGX_KAFKA_WS_OTHER    "it is not on the list of properties that may"  \
                              " be set"


/* the first that fits counts */

static ngx_kafka_ws_kafka_prop_t  ngx_kafka_ws_kafka_props[] = {

    { "plugin.library.paths", NGX_KAFKA_WS_LOADS },
    { "interceptors", NGX_KAFKA_WS_LOADS },
    { "ssl.engine.*", NGX_KAFKA_WS_LOADS },
    { "ssl_engine*", NGX_KAFKA_WS_LOADS },
    { "ssl.providers", NGX_KAFKA_WS_LOADS },
    { "sasl.kerberos.kinit.cmd", NGX_KAFKA_WS_RUNS },

    { "bootstrap.servers", NGX_KAFKA_WS_BROKERS },
    { "metadata.broker.list", NGX_KAFKA_WS_BROKERS },

    { "group.*", NGX_KAFKA_WS_GROUP },
    { "partition.assignment.strategy", NGX_KAFKA_WS_GROUP },
    { "session.timeout.ms", NGX_KAFKA_WS_GROUP },
    { "heartbeat.interval.ms", NGX_KAFKA_WS_GROUP },
    { "coordinator.query.interval.ms", NGX_KAFKA_WS_GROUP },
    { "max.poll.interval.ms", NGX_KAFKA_WS_GROUP },

    { "enable.auto.commit", NGX_KAFKA_WS_COMMIT },
    { "auto.commit.*", NGX_KAFKA_WS_COMMIT },
    { "enable.auto.offset.store", NGX_KAFKA_WS_COMMIT },
    { "offset.store.*", NGX_KAFKA_WS_COMMIT },

    { "auto.offset.reset", "a lost position is announced, never skipped" },
    { "isolation.level", "records of aborted transactions are never sent" },
    { "allow.auto.create.topics", "a client must not create topics" },
    { "enable.partition.eof", NGX_KAFKA_WS_OWN },
    { "topic.blacklist", "use \"topics\"" },

    { "client.id", NULL },
    { "client.rack", NULL },
    { "receive.message.max.bytes", NULL },
    { "message.max.bytes", NULL },
    { "max.in.flight*", NULL },
    { "topic.metadata.*", NULL },
    { "metadata.max.age.ms", NULL },
    { "broker.address.*", NULL },
    { "broker.version.fallback", NULL },
    { "api.version.*", NULL },
    { "socket.timeout.ms", NULL },
    { "socket.send.buffer.bytes", NULL },
    { "socket.receive.buffer.bytes", NULL },
    { "socket.keepalive.enable", NULL },
    { "socket.nagle.disable", NULL },
    { "socket.max.fails", NULL },
    { "socket.connection.setup.timeout.ms", NULL },
    { "connections.max.idle.ms", NULL },
    { "reconnect.backoff.*", NULL },

    { "security.protocol", NULL },
    { "ssl.cipher.suites", NULL },
    { "ssl.curves.list", NULL },
    { "ssl.sigalgs.list", NULL },
    { "ssl.key.location", NULL },
    { "ssl.key.password", NULL },
    { "ssl.key.pem", NULL },
    { "ssl.certificate.location", NULL },
    { "ssl.certificate.pem", NULL },
    { "ssl.ca.location", NULL },
    { "ssl.ca.pem", NULL },
    { "ssl.crl.location", NULL },
    { "ssl.keystore.location", NULL },
    { "ssl.keystore.password", NULL },
    { "ssl.endpoint.identification.algorithm", NULL },
    { "enable.ssl.certificate.verification", NULL },

    { "sasl.mechanism", NULL },
    { "sasl.mechanisms", NULL },
    { "sasl.username", NULL },
    { "sasl.password", NULL },
    { "sasl.kerberos.service.name", NULL },
    { "sasl.kerberos.principal", NULL },
    { "sasl.kerberos.keytab", NULL },
    { "sasl.oauthbearer.*", NULL },
    { "enable.sasl.oauthbearer.unsecure.jwt", NULL },

    { "queued.min.messages", NULL },
    { "queued.max.messages.kbytes", NULL },
    { "fetch.wait.max.ms", NULL },
    { "fetch.min.bytes", NULL },
    { "fetch.max.bytes", NULL },
    { "fetch.message.max.bytes", NULL },
    { "fetch.error.backoff.ms", NULL },
    { "fetch.queue.backoff.ms", NULL },
    { "max.partition.fetch.bytes", NULL },
    { "check.crcs", NULL }
};


const char *
ngx_kafka_ws_kafka_refuses(ngx_str_t *name)
{
    size_t                      len;
    ngx_uint_t                  i, n;
    ngx_kafka_ws_kafka_prop_t  *prop;

    prop = ngx_kafka_ws_kafka_props;
    n = sizeof(ngx_kafka_ws_kafka_props) / sizeof(ngx_kafka_ws_kafka_prop_t);

    for (i = 0; i < n; i++) {
        len = ngx_strlen(prop[i].name);

        if (prop[i].name[len - 1] == '*') {
            len--;

            if (name->len < len) {
                continue;
            }

        } else if (name->len != len) {
            continue;
        }

        if (ngx_strncmp(name->data, prop[i].name, len) == 0) {
            return prop[i].reason;
        }
    }

    return NGX_KAFKA_WS_OTHER;
}
