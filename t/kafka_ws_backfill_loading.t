#!/usr/bin/perl

# A cursor below a ring that is still being loaded: too late to be decided is
# no reason to give records up.

# brokers: kafka

###############################################################################

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;
use KafkaWS::Pace qw(within);
use KafkaWS::Process qw(now wait_for);

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('loading'));

$b->produce_bulk($topic, count => 200_000, size => 200);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(4);

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
        ring      64k;
        preload   records=1000000;
        property  fetch.message.max.bytes 16384;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws           c;
            kafka_ws_backfill  records=1000000;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

# the helper stops amid the loading, with the ring lapped already; if all was
# loaded before that, it begins anew

my ($helper, $state);

for my $try (1 .. 10) {
	my $until = now() + within(20);

	while (now() < $until && (partition()->{oldest} // 0) < 100) {
		sleep 0.005;
	}

	$helper = $t->helper_pid();
	kill 'STOP', $helper;
	$state = partition()->{state};
	last if $state eq 'loading' || $try == 10;

	kill 'CONT', $helper;
	$t->stop();
	$t->run();
}

is($state, 'loading', 'it is being loaded');

my $c = KafkaWS::Client->open($t->port(0), '/?cursor=0:5');

is(join(' ', $c->wait_close(15)), '1013 not loaded yet', 'come back later');

kill 'CONT', $helper;

# as often as that is said

my $start;

wait_for(60, sub {
	$c = KafkaWS::Client->open($t->port(0), '/?cursor=0:5');

	return $start = $c->wait_event('start', 15);
});

is_deeply($start->{partitions},
	[{ partition => 0, offset => 5, state => 'backfilled' }], 'and then');
is($c->next_record(10)->{offset}, 5, 'record');

###############################################################################

# the only one, or nothing as long as it is not there
sub partition {
	my $topics = $t->status()->{clusters}[0]{topics};

	return @$topics ? $topics->[0]{partitions}[0] : {};
}

###############################################################################
