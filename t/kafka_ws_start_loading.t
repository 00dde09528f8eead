#!/usr/bin/perl

# A client that comes while its partitions are still being preloaded starts
# at their end, not where the preload had got to.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

###############################################################################

use constant {
	RECORDS => 60_000,
	CLIENTS => 20,
};

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('loading'), partitions => 1);

$b->produce_bulk($topic, count => RECORDS, size => 200);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(1);

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
        zone      c 64m;
        ring      32m;
        preload   records=1000000;
        property  fetch.wait.max.ms 5;
        property  fetch.message.max.bytes 65536;
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

my %offsets;

for (1 .. CLIENTS) {
	my $c = KafkaWS::Client->open($t->port(0), '/', pause => 0.001);
	my $start = $c->wait_event('start', 10);

	$offsets{ $start->{partitions}[0]{offset} }++;
	$c->disconnect();
}

is_deeply(\%offsets, { RECORDS() => CLIENTS }, 'start at the end');

###############################################################################
