/*
 * The JDK reads no JSON: objects become maps, arrays lists, whole numbers
 * Long; strict enough to notice what is not JSON.
 */

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;


class Json {

    private final String text;
    private int at;


    Json(String text) {
        this.text = text;
    }


    Object document() {
        Object value = value();

        space();

        if (at != text.length()) {
            throw wrong();
        }

        return value;
    }


    private Object value() {
        switch (peek()) {

        case '{':
            return object();

        case '[':
            return array();

        case '"':
            return string();

        case 'n':
            return word("null", null);

        case 't':
            return word("true", true);

        case 'f':
            return word("false", false);

        default:
            return number();
        }
    }


    private Map<String, Object> object() {
        Map<String, Object> members = new HashMap<>();

        expect('{');

        while (peek() != '}') {
            if (!members.isEmpty()) {
                expect(',');
            }

            String name = string();

            expect(':');
            members.put(name, value());
        }

        expect('}');

        return members;
    }


    private List<Object> array() {
        List<Object> elements = new ArrayList<>();

        expect('[');

        while (peek() != ']') {
            if (!elements.isEmpty()) {
                expect(',');
            }

            elements.add(value());
        }

        expect(']');

        return elements;
    }


    private String string() {
        StringBuilder s = new StringBuilder();

        expect('"');

        for ( ;; ) {
            char c = text.charAt(at++);

            if (c == '"') {
                return s.toString();
            }

            if (c < ' ') {
                throw wrong();
            }

            s.append(c == '\\' ? escape() : c);
        }
    }


    private char escape() {
        char c = text.charAt(at++);
        int index = "\"\\/bfnrt".indexOf(c);

        if (index >= 0) {
            return "\"\\/\b\f\n\r\t".charAt(index);
        }

        if (c != 'u') {
            throw wrong();
        }

        at += 4;

        return (char) Integer.parseInt(text.substring(at - 4, at), 16);
    }


    private Long number() {
        int from = at;

        while (at < text.length() && "-0123456789".indexOf(text.charAt(at))
                                     >= 0)
        {
            at++;
        }

        return Long.valueOf(text.substring(from, at));
    }


    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) {
            throw wrong();
        }

        at += word.length();

        return value;
    }


    private char peek() {
        space();

        if (at >= text.length()) {
            throw wrong();
        }

        return text.charAt(at);
    }


    private void expect(char c) {
        if (peek() != c) {
            throw wrong();
        }

        at++;
    }


    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }


    private IllegalArgumentException wrong() {
        return new IllegalArgumentException("no JSON at " + at + ": " + text);
    }
}
