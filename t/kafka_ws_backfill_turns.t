#!/usr/bin/perl

# Clients that are at several places of one partition, all of them far below
# the ring: librdkafka reads a partition at one place, so that they take turns,
# and no turn takes long.

# brokers: kafka
# timeout: 200

###############################################################################

use warnings;
use strict;

use List::Util qw(max);
use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Load;
use KafkaWS::Nginx;
use KafkaWS::Pace qw(amount within);
use KafkaWS::Process qw(now);

use constant {
	RECORDS => amount(40_000),	# of 500 bytes; the ring has some 400
	SIZE => 500,
	PLACES => 12,
	APART => 0.1,			# seconds
	SECONDS => 20,

	# A slow machine takes longer, but no longer than one client after
	# another, of which one is measured; and who has to wait until another
	# one has all waits for far more than this part of the time.

	STALL => 2, PART => 1 / 5,
};

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('turns'));
my $t = KafkaWS::Nginx->new(broker => $b)->plan(5);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $topic;
        zone     c 16m;
        ring     256k;
        preload  records=50;
    }

    server {
        listen  127.0.0.1:%%PORT_0%% reuseport;

        location /t {
            kafka_ws        c;
            kafka_ws_start  earliest;
        }

        location /latest {
            kafka_ws  c;
        }
    }
}

EOT

###############################################################################

is($b->produce_bulk($topic, run => 'turns', rate => 0, size => SIZE,
	count => RECORDS)->{failed}, 0, 'what is old');

$t->run();

KafkaWS::Client->open($t->port(0), '/latest')->wait_event('start', 10);

my $since = now();

reads()->result(120);

my $alone = now() - $since;

$since = now();

my @loads;

for (1 .. PLACES) {
	push @loads, reads();
	sleep APART;
}

my @reports = map { $_->result(120) } @loads;
my $took = now() - $since;
my $stall = max(map { $_->{stall_us}{max} / 1e6 } @reports);

is(scalar(grep { $_->{done} == 1 } @reports), PLACES,
	'each has every record');
is(scalar(grep { $_->{lost} + $_->{doubled} + $_->{reordered} + $_->{gaps} }
	@reports), 0, 'once, in order');
cmp_ok($took, '<', max(within(SECONDS), PLACES * $alone),
	'all of it, seconds');
cmp_ok($stall, '<', max(within(STALL), PART * $took),
	'the longest stall, seconds');

note(sprintf '%d places, %.1f MB each: %.1f s, one alone %.1f s; '
	. 'longest stall %.0f ms', PLACES, RECORDS * SIZE / 1e6, $took,
	$alone, $stall * 1000);

###############################################################################

sub reads {
	return KafkaWS::Load->start(port => $t->port(0), uri => '/t',
		connections => 1, run => 'turns', records => RECORDS,
		seconds => 120);
}

###############################################################################
