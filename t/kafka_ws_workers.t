#!/usr/bin/perl

# One, two and eight workers: the same data for the clients on each.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

use constant { TIME => 15, RECORDS => 60, PARTITIONS => 3 };

my @counts = (1, 2, 8);
my $kafka = KafkaWS::Broker->new();
my $t = KafkaWS::Nginx->new(broker => $kafka)->plan(6 * @counts);

for my $workers (@counts) {
	my $topic = $kafka->create_topic($kafka->topic("workers$workers"),
		partitions => PARTITIONS);

	conf($workers, $topic);
	$t->run();

	my @pids;

	wait_for(TIME, sub { @pids = $t->worker_pids(); @pids == $workers });
	is(@pids, $workers, "$workers workers");

	# the kernel gives each to a worker of its choice
	my @c;

	for (1 .. 40 * $workers) {
		push @c, KafkaWS::Client->open($t->port(0), '/');
		$c[-1]->wait_event('start', 10);

		last if @c >= 2 * $workers
			&& !grep { !$_ } $t->connections(\@pids);
	}

	is(scalar(grep { $_ } $t->connections(\@pids)), $workers,
		"$workers workers: clients on each");

	$kafka->produce($topic, map { { partition => $_ % PARTITIONS,
		key => "k$_", value => "v$_" } } 0 .. RECORDS - 1);

	my @expected = map { my $p = $_; map { "$p:$_" }
		0 .. RECORDS / PARTITIONS - 1 } 0 .. PARTITIONS - 1;
	my $same = 0;

	for my $c (@c) {
		my @got = map { "$_->{value}" =~ /^v(\d+)$/
			&& $_->{key} eq "k$1"
			&& $1 == $_->{offset} * PARTITIONS + $_->{partition}
			? [$_->{partition}, $_->{offset}] : () }
			$c->records(RECORDS, TIME);

		@got = map { "$_->[0]:$_->[1]" } sort {
			$a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] } @got;
		$same++ if "@got" eq "@expected";
	}

	is($same, @c, "$workers workers: every client has every record");

	# another worker may answer than the one which sent the last of them
	my $s;

	wait_for(TIME, sub {
		$s = $t->status()->{clusters}[0];

		return $s->{records} >= RECORDS
			&& $s->{frames} >= RECORDS * @c;
	});

	is($s->{records}, RECORDS, "$workers workers: read once");
	is($s->{frames}, RECORDS * @c, "$workers workers: frames");
	ok($t->stop(), "$workers workers: stop");
}

###############################################################################

sub conf {
	my ($workers, $topic) = @_;

	$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

worker_processes  $workers;

events {
}

http {
    %%GLOBALS_HTTP%%

    # nobody reads while the others connect
    kafka_ws_ping  5m;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 32m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%% reuseport;

        location / {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT
}

###############################################################################
