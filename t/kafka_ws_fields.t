#!/usr/bin/perl

# kafka_ws_fields: which members a record has, and in which order.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('fields'));

# what the location says, and the record it makes

my @cases = (
	['', '{"partition":0,"offset":0,"timestamp":1700000000000,'
		. '"key":"k","value":{"a": 1}}'],
	['value', '{"value":{"a": 1}}'],
	['offset', '{"offset":0}'],
	['key value', '{"key":"k","value":{"a": 1}}'],
	['value key', '{"key":"k","value":{"a": 1}}'],
	['timestamp', '{"timestamp":1700000000000}'],
	['topic', qq({"topic":"$topic"})],
	['value headers topic timestamp key offset partition',
		qq({"topic":"$topic","partition":0,"offset":0,)
		. '"timestamp":1700000000000,"key":"k","headers":'
		. '{"a":"1","b":null,"c":""},"value":{"a": 1}}'],
	['headers', '{"headers":{"a":"1","b":null,"c":""}}'],
	['headers:c,a offset', '{"offset":0,"headers":{"a":"1","c":""}}'],
	['headers:b,none', '{"headers":{"b":null}}'],
	['headers:none', '{"headers":{}}'],
);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(2 * @cases + 4);

# a cluster has at most 8 forms of its records

my $locations = '';

for my $i (0 .. $#cases) {
	my $fields = $cases[$i][0] ? "kafka_ws_fields $cases[$i][0];" : '';

	my $cluster = $i < 7 ? 'c' : 'd';

	$locations .= "location = /$i { kafka_ws $cluster; $fields }\n";
}

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
        ring      1m;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_cluster d {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      d 16m;
        ring      1m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        $locations

        location /topic/ {
            kafka_ws_fields  topic offset;

            location = /topic/inherited {
                kafka_ws  d;
            }

            location = /topic/own {
                kafka_ws         d;
                kafka_ws_fields  value;
            }
        }
    }
}

EOT

###############################################################################

my %clients = map { $_ => KafkaWS::Client->open($t->port(0), "/$_") }
	0 .. $#cases, 'topic/inherited', 'topic/own';

my %start = map { $_ => $clients{$_}->wait_event('start', 10) } keys %clients;

$b->produce($topic, { key => 'k', value => '{"a": 1}',
	headers => [['a', '1'], ['b', undef], ['c', '']],
	timestamp => 1700000000000 }, { value => 'without headers' });

for my $i (0 .. $#cases) {
	my ($fields, $record) = @{ $cases[$i] };
	my $name = $fields || 'default';

	is(payload($clients{$i}), $record, "$name: record");
	is($start{$i}{topic}, $fields =~ /topic/ ? $topic : undef,
		"$name: topic of the start event");
}

is(payload($clients{'topic/inherited'}),
	qq({"topic":"$topic","offset":0}), 'inherited');
is(payload($clients{'topic/own'}), '{"value":{"a": 1}}', 'not inherited');

my ($headers) = grep { $cases[$_][0] eq 'headers' } 0 .. $#cases;
my ($picked) = grep { $cases[$_][0] =~ /^headers:b/ } 0 .. $#cases;

is(payload($clients{$headers}), '{"headers":{}}', 'no headers: all of them');
is(payload($clients{$picked}), '{"headers":{}}', 'no headers: some of them');

###############################################################################

# the bytes of the next record
sub payload {
	my ($c) = @_;

	return $c->next_record(10) ? $c->last_payload : undef;
}

###############################################################################
