#!/usr/bin/perl

# A client on its way from older records to the end, which the ring overruns
# before it gets there: within "lag" it is not slow.  It goes on with what
# Kafka has, in order and without a gap.  One that takes too long, or may have
# no older records, is closed as ever.

# brokers: kafka

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

# FIRST: all in the ring, and more than sockets take; MORE: many rings full

use constant { TIME => 30, SIZE => 1000, FIRST => 400, MORE => 4000 };

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('join'), partitions => 2);
my $t = KafkaWS::Nginx->new(broker => $b)->plan(11);

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
        zone      c 32m;
        ring      512k;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_start  earliest;
        kafka_ws_slow   close buffer=4k;

        location = / {
            kafka_ws       c;
        }

        location = /late {
            kafka_ws       c;
            kafka_ws_slow  close lag=500ms buffer=4k;
        }

        location = /off {
            kafka_ws           c;
            kafka_ws_backfill  off;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my %bulk = (partitions => 2, size => SIZE);

is($b->produce_bulk($topic, %bulk, count => FIRST)->{acked}, FIRST,
	'records in the ring');
ok(wait_for(TIME, sub { cluster()->{records} == FIRST }), 'all of them');

my ($back, $late, $off) = map { KafkaWS::Client->open($t->port(0), $_,
	rcvbuf => 32768) } '/', '/late', '/off';

is_deeply([map { $_->{state} } @{ $_->wait_event('start', TIME)
	->{partitions} }], ['start', 'start'], 'from the ring')
	for $back, $late, $off;

is($b->produce_bulk($topic, %bulk, first => FIRST / 2, count => MORE)
	->{acked}, MORE, 'more than it holds');

ok(wait_for(TIME, sub { cluster()->{closes}{4408} == 2 }), 'two are closed');

my %by;

push @{ $by{ $_->{partition} } }, $_->{offset}
	for $back->records(FIRST + MORE, TIME);

my @all = 0 .. (FIRST + MORE) / 2 - 1;

is_deeply(\%by, { 0 => \@all, 1 => \@all }, 'the third has them all');
is(scalar(grep { $_->{event} eq 'gap' } $back->events), 0, 'no gap');

$b->produce($topic, 'live');
is(($back->records(1, TIME))[0]{value}, 'live', 'and on, live');

is(cluster()->{closes}{4408}, 2, 'they alone');

###############################################################################

sub cluster { return $t->status()->{clusters}[0] }

###############################################################################
