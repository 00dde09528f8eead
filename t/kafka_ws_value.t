#!/usr/bin/perl

# kafka_ws_value: how a value stands in a json record.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

###############################################################################

my $deep = '[' x 512 . ']' x 512;
my $deeper = '[' x 513 . ']' x 513;
my $objects = '{"a":' x 512 . '1' . '}' x 512;

# name, value, what auto makes of it, what json makes of it (left out: the same)

my @cases = (
	['object', '{"a":[1,2,{"b":null}]}', '{"a":[1,2,{"b":null}]}'],
	['array', '[1,"two"]', '[1,"two"]'],
	['white space around', " \t{ \"a\" : 1 }\r\n",
		" \t{ \"a\" : 1 }\r\n"],
	['repeated name', '{"a":1,"a":2}', '{"a":1,"a":2}'],
	['escapes', '{"\u0061":"\ud83d\ude00"}', '{"\u0061":"\ud83d\ude00"}'],
	['512 arrays', $deep, $deep],
	['513 arrays', $deeper, qq("$deeper"), qq("$deeper","encoding":"text")],
	['512 objects', $objects, $objects],
	['numbers beyond 2^53', '[9007199254740993,1e400,-0,1.10]',
		'[9007199254740993,1e400,-0,1.10]'],
	['number', '42', '"42"', '42'],
	['long number', '123456789012345678901234567890',
		'"123456789012345678901234567890"',
		'123456789012345678901234567890'],
	['negative number', '-1.50e+07', '"-1.50e+07"', '-1.50e+07'],
	['string', '"x"', '"\"x\""', '"x"'],
	['true', 'true', '"true"', 'true'],
	['null, the word', 'null', '"null"', 'null'],
	['text', 'hello', '"hello"', '"hello","encoding":"text"'],
	['empty', '', '""', '"","encoding":"text"'],
	['blank', ' ', '" "', '" ","encoding":"text"'],
	['leading zero', '042', '"042"', '"042","encoding":"text"'],
	['two values', '{}{}', '"{}{}"', '"{}{}","encoding":"text"'],
	['cut object', '{"a":', '"{\"a\":"', '"{\"a\":","encoding":"text"'],
	['comma too many', '[1,]', '"[1,]"', '"[1,]","encoding":"text"'],
	['single quotes', "{'a':1}", qq("{'a':1}"),
		qq("{'a':1}","encoding":"text")],
	['control in a string', "[\"\x01\"]", '"[\"\u0001\"]"',
		'"[\"\u0001\"]","encoding":"text"'],
	['byte order mark', "\xef\xbb\xbf{}", "\"\xef\xbb\xbf{}\"",
		"\"\xef\xbb\xbf{}\",\"encoding\":\"text\""],
	['not UTF-8', "\xff\0", '"/wA=","encoding":"base64"'],
	['not UTF-8 in JSON', "[\"\xff\"]", '"WyL/Il0=","encoding":"base64"'],
	['tombstone', undef, 'null', 'null,"tombstone":true'],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('value'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(2 * @cases);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_fields  value;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location /auto {
            kafka_ws  c;
        }

        location /json {
            kafka_ws        c;
            kafka_ws_value  json;
        }
    }
}

EOT

###############################################################################

# read as it comes: what the client decodes with does not go that deep

my ($auto, $json) = map { KafkaWS::Client->open($t->port(0), $_,
	format => 'text') } '/auto', '/json';

$_->next_message(10) or die "no start event\n" for $auto, $json;

$b->produce($topic, map { { value => $_->[1] } } @cases);

for my $case (@cases) {
	my ($name, undef, $as_auto, $as_json) = @$case;

	is(value($auto), $as_auto, "auto: $name");
	is(value($json), $as_json // $as_auto, "json: $name");
}

###############################################################################

# the bytes of the next record's value, and of what follows it
sub value {
	my ($c) = @_;
	my $m = $c->next_message(10) or return;

	return $m->{payload} =~ /^\{"value":(.*)\}\z/s ? $1 : 'no value';
}

###############################################################################
