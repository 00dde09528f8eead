#!/usr/bin/perl

# Clients that vanish without a word: from one moment on the kernel drops each
# packet that is sent to them, and they send none.  They are cut when a ping
# is not answered, idle or with records on their way; others notice nothing.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Socket qw(SOL_SOCKET SO_ATTACH_FILTER);
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Flow;
use KafkaWS::Load qw(descriptors);
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);
use KafkaWS::Stall;

use constant { TIME => 20, DEAD => 20, PING => 1, TIMEOUT => 5,
	CLOSE => 2 };			# seconds for the answer to a Close

my $b = KafkaWS::Broker->new();
my ($topic, $quiet) = map { $b->create_topic($b->topic($_)) } qw(dead quiet);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(12);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_ping  @{[ PING ]}s timeout=@{[ TIMEOUT ]}s;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic $quiet;
        zone      c 32m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws        c;
            kafka_ws_topic  $topic;
        }

        location /quiet {
            kafka_ws        c;
            kafka_ws_topic  $quiet;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $stall = KafkaWS::Stall->start();
my ($worker) = $t->worker_pids();

# who lives does not wait for kafka_bulk to start, and has all from its ring

KafkaWS::Client->open($t->port(0), '/')->wait_event('start', TIME);

# so little that a socket that nobody reads has room for the Close
my $bulk = $b->bulk_start($topic, rate => 50, size => 50, seconds => 120);
my $flow = KafkaWS::Flow->new($t, uri => '/?cursor=0:0');

is($flow->read(20), 20, 'flow');

my $fds = descriptors($worker);

for my $case (['idle', '/quiet'], ['in flow', '/']) {
	my ($name, $uri) = @$case;
	my @dead;

	for (1 .. DEAD) {
		push @dead, KafkaWS::Client->open($t->port(0), $uri);
		$dead[-1]->wait_event('start', TIME);
		answer(@dead);
	}

	is(status()->{connections}, DEAD + 1, "$name: they are there");

	my $since = now();

	$stall->lap();

	# whose pings are behind what they have not read are answered first
	for my $c (@dead) {
		$c->records(1e9, 0);
		deafen($c->socket);
	}

	# they would answer, and the one that lives goes on
	wait_for(TIME, sub {
		answer(@dead);

		return status()->{connections} == 1;
	});

	my $took = now() - $since;
	my $late = $stall->lap()->{total};

	is(status()->{connections}, 1, "$name: they are cut");
	cmp_ok($took - $late, '<', within(PING + TIMEOUT + CLOSE + 1),
		"$name: in time");
	is(descriptors($worker), $fds, "$name: descriptors");
	note(sprintf '%s: after %.1f s, of which the machine is late by %.1f',
		$name, $took, $late);

	is_deeply([$flow->lost()], [], "$name: who lives stays");
}

kill 'TERM', $bulk->{process}->pid;
wait_for(TIME, sub {
	answer();

	return !$bulk->{process}->alive;
});

is($flow->finish($bulk->result()->{acked}), 1,
	'who lives has every record, once');

###############################################################################

# what waits for those who read: pings, too
sub answer {
	$flow->read_one(0, 1e9, 0.02);
	$_->until(now() + 0.001, sub { 0 }) for @_;
}

# From now on no packet comes through to this socket, so that its kernel
# acknowledges nothing: a program of one instruction, "take 0 bytes".
sub deafen {
	my ($socket) = @_;
	my $filter = pack 'S C C L', 0x06, 0, 0, 0;

	setsockopt $socket, SOL_SOCKET, SO_ATTACH_FILTER,
		pack('S x![P] P', 1, $filter) or die "no filter: $!\n";
}

sub status { return $t->status()->{clusters}[0] }

###############################################################################
