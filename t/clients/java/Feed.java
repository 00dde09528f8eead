/*
 * What the client is told, what it counts and what it prints.
 *
 *     CLIENT URL COUNT CA DEFLATE SUBPROTOCOL
 *
 * CA is a file of certificates or "-"; DEFLATE is "off", since the JDK has
 * none.  The client takes COUNT records, closes with 1000 and prints one line
 * of JSON.
 */

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;


class Feed {

    final String url;
    final String ca;
    final String protocol;

    private final int count;
    private int records;
    private final Map<Long, MessageDigest> digests = new TreeMap<>();
    private final Map<Long, Long> cursor = new TreeMap<>();


    Feed(String[] args) {
        if (args.length != 5 || !args[3].equals("off")) {
            throw new IllegalArgumentException(
                "usage: CLIENT URL COUNT CA off SUBPROTOCOL");
        }

        url = args[0];
        count = Integer.parseInt(args[1]);
        ca = args[2].equals("-") ? null : args[2];
        protocol = args[4];
    }


    /* a text; true once all records are there */

    boolean take(String text) {
        if (records >= count) {
            return true;
        }

        if (protocol.equals("kafka.json.v1")) {
            takeJson((Map<?, ?>) new Json(text).document());

        } else if (protocol.equals("kafka.text.v1")) {
            takeValue(text.getBytes(StandardCharsets.UTF_8));

        } else {
            throw new IllegalStateException("a text of " + protocol);
        }

        return records >= count;
    }


    boolean take(byte[] data) {
        if (!protocol.equals("kafka.binary.v1")) {
            throw new IllegalStateException("binary of " + protocol);
        }

        if (records < count) {
            takeValue(data);
        }

        return records >= count;
    }


    private void takeJson(Map<?, ?> message) {
        if (message.containsKey("event")) {
            if (message.get("partitions") instanceof Iterable<?> partitions) {
                for (Object o : partitions) {
                    Map<?, ?> p = (Map<?, ?>) o;

                    cursor.put((Long) p.get("partition"),
                               (Long) p.get("offset"));
                }
            }

            return;
        }

        Long partition = (Long) message.get("partition");
        Long offset = (Long) message.get("offset");
        String key = (String) message.get("key");
        String value = (String) message.get("value");

        add(partition, offset + ":" + key + ":",
            value.getBytes(StandardCharsets.UTF_8));
        cursor.put(partition, offset + 1);
    }


    private void takeValue(byte[] value) {
        add(0L, value.length + ":", value);
    }


    private void add(Long partition, String head, byte[] value) {
        MessageDigest digest = digests.computeIfAbsent(partition, p -> {
            try {
                return MessageDigest.getInstance("SHA-256");

            } catch (GeneralSecurityException e) {
                throw new IllegalStateException(e);
            }
        });

        digest.update(head.getBytes(StandardCharsets.UTF_8));
        digest.update(value);
        digest.update((byte) '\n');
        records++;
    }


    /* what the library says about the connection and its end */

    void report(String library, String subprotocol, int code, boolean clean) {
        String all = digests.entrySet().stream()
            .map(e -> "\"" + e.getKey() + "\":\""
                 + HexFormat.of().formatHex(e.getValue().digest()) + "\"")
            .collect(Collectors.joining(","));
        String next = cursor.entrySet().stream()
            .map(e -> e.getKey() + ":" + e.getValue())
            .collect(Collectors.joining(","));

        System.out.printf("{\"library\":\"%s\",\"records\":%d,"
                          + "\"digests\":{%s},\"cursor\":\"%s\","
                          + "\"protocol\":\"%s\",\"extensions\":\"\","
                          + "\"code\":%d,\"clean\":%b}%n", library, records,
                          all, next, subprotocol, code, clean);
    }
}
