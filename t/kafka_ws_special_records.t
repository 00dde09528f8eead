#!/usr/bin/perl

# Records that are easily got wrong: null and empty, any bytes, many headers.
# Nothing is lost and nothing is ambiguous.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use MIME::Base64 qw(encode_base64);
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

###############################################################################

my $any = join '', map { chr } 0 .. 255;
my $base64 = encode_base64($any, '');
my $many = join ',', map { qq("h$_":"$_") } 0 .. 999;

# name, record, what it is in JSON: members from the key on, byte for byte

my @cases = (
	['tombstone', { key => 'k' }, '"key":"k","headers":{},"value":null'],
	['null key', { value => 'v' }, '"key":null,"headers":{},"value":"v"'],
	['empty value', { key => 'k', value => '' },
		'"key":"k","headers":{},"value":""'],
	['empty key', { key => '', value => 'v' },
		'"key":"","headers":{},"value":"v"'],
	['nothing at all', {}, '"key":null,"headers":{},"value":null'],
	['all bytes as value', { value => $any },
		qq("key":null,"headers":{},"value":"$base64",)
		. '"encoding":"base64"'],
	['all bytes as key', { key => $any, value => 'v' },
		qq("key":"$base64","key_encoding":"base64","headers":{},)
		. '"value":"v"'],
	['invalid UTF-8', { key => "\xc0\x80", value => "a\xed\xa0\x80" },
		'"key":"wIA=","key_encoding":"base64","headers":{},'
		. '"value":"Ye2ggA==","encoding":"base64"'],
	['NUL', { key => "\0", value => "a\0b" },
		'"key":"\u0000","headers":{},"value":"a\u0000b"'],
	['quotes and controls', { value => qq("\\/\x08\x0c\x0a\x0d\x09\x1f) },
		'"key":null,"headers":{},"value":"\"\\\\/\b\f\n\r\t\u001f"'],
	['line separators', { value => "\xe2\x80\xa8\xe2\x80\xa9" },
		"\"key\":null,\"headers\":{},\"value\":"
		. "\"\xe2\x80\xa8\xe2\x80\xa9\""],
	['beyond the basic plane', { value => "\xf0\x9f\x98\x80" },
		"\"key\":null,\"headers\":{},\"value\":\"\xf0\x9f\x98\x80\""],
	['numbers beyond 2^53', { value => '{"a":9007199254740993}' },
		'"key":null,"headers":{},"value":{"a":9007199254740993}'],
	['repeated header', { value => 'v',
		headers => [['a', '1'], ['b', 'x'], ['a', '2']] },
		'"key":null,"headers":{"b":"x","a":"2"},"value":"v"'],
	['null and empty header', { value => 'v',
		headers => [['n', undef], ['e', ''], ['', 'x']] },
		'"key":null,"headers":{"n":null,"e":"","":"x"},"value":"v"'],
	['null after a value', { value => 'v',
		headers => [['a', '1'], ['a', undef]] },
		'"key":null,"headers":{"a":null},"value":"v"'],
	['header of any bytes', { value => 'v', headers => [['x', "\xff"]] },
		'"key":null,"headers":{"x":{"base64":"/w=="}},"value":"v"'],
	['header with JSON in it', { value => 'v',
		headers => [['q"', '{"base64":"/w=="}']] },
		'"key":null,"headers":{"q\"":"{\"base64\":\"/w==\"}"},'
		. '"value":"v"'],
	['1,000 headers', { value => 'v',
		headers => [map { ["h$_", $_] } 0 .. 999] },
		qq("key":null,"headers":{$many},"value":"v")],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('special'), config => {
	'message.timestamp.after.max.ms' => '9223372036854775807' });

my $t = KafkaWS::Nginx->new(broker => $b)->plan(@cases + 3);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws         c;
            kafka_ws_fields  offset timestamp key headers value;
        }
    }
}

EOT

###############################################################################

my $c = KafkaWS::Client->open($t->port(0), '/');

$c->wait_event('start', 10) or die "no start event\n";

$b->produce($topic, map { $_->[1] } @cases);

for my $i (0 .. $#cases) {
	my ($name, undef, $members) = @{ $cases[$i] };
	my $payload = $c->next_record(10) ? $c->last_payload : '';

	is($payload =~ /^\{"offset":$i,"timestamp":\d+,(.*)\}\z/s ? $1
		: $payload, $members, $name);
}

# times that no clock shows, and one that a double does not hold

for my $time (1, 9007199254740993, 4102444800001) {
	$b->produce($topic, { value => 'v', timestamp => $time });
	$c->next_record(10);

	like($c->last_payload, qr/"timestamp":$time,/, "time $time");
}

###############################################################################
