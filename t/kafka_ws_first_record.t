#!/usr/bin/perl

# The whole path: a record goes from Kafka to a client.

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
my $topic = $b->create_topic($b->topic('first'), partitions => 2);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(6);

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
            kafka_ws  c;
        }
    }
}

EOT

###############################################################################

my $c = KafkaWS::Client->open($t->port(0), '/');
my $start = $c->wait_event('start', 10);

is_deeply([map { $_->{partition} } @{ $start->{partitions} }], [0, 1],
	'start event names both partitions');
is_deeply([map { $_->{state} } @{ $start->{partitions} }],
	['start', 'start'], 'state of a new client');
is_deeply([map { $_->{offset} } @{ $start->{partitions} }], [0, 0],
	'first offsets to come');

my $offset = $b->produce($topic, { partition => 1, key => 'k',
	value => 'hello', timestamp => 1700000000000 });

my ($r) = $c->records(1, 10);

is_deeply($r, { partition => 1, offset => $offset, key => 'k',
	timestamp => 1700000000000, value => 'hello' }, 'first record');

$b->produce($topic, { partition => 0, value => '{"a":1}' });

is_deeply(($c->records(1, 10))[0]{value}, { a => 1 }, 'second record');

$c->close(1000);
is(($c->wait_close(5))[0], 1000, 'close is answered');

###############################################################################
