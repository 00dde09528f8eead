#!/usr/bin/perl

# One consumer for all: with 1 and with 5,000 clients, with 1 and with 4
# workers, the broker sees the same connections and the same fetches.

# brokers: kafka
# run: alone
# timeout: 900

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Load;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(amount);

use constant {
	MANY => amount(5000),
	PARTITIONS => 4,
	RATE => 10,
	IDLE => 10,			# seconds, a long-poll is half a one
	BUSY => 6,
	TRIES => 3,
};

my $b = KafkaWS::Broker->new(kind => 'kafka', own => 1, metrics => 1);
my $topic = $b->create_topic($b->topic('one'), partitions => PARTITIONS);
my $t = KafkaWS::Nginx->new(broker => $b)->plan(16);
my @runs = ([1, 1], [MANY, 1], [1, 4], [MANY, 4]);

# the producer's own connections are there before
my $idle_topic = $b->create_topic($b->topic('idle'), partitions => 1);
my ($run, $nth);

for my $case (@runs) {
	my ($clients, $workers) = @$case;
	my $name = "$clients clients, $workers workers";
	my $r = measure($clients, $workers);

	is($r->{exit}, 0, "$name: every record arrives");

	if ($case == $runs[0]) {
		cmp_ok($r->{connections}, '>', 0, 'the consumer is seen');
		cmp_ok($r->{idle}, '>', 0, 'its long-polls are seen');
		cmp_ok($r->{busy}, '>', $r->{idle}, 'its fetches are seen');
		$run = $r;
		next;
	}

	# A machine that stands still for half a second takes a fetch of twenty,
	# from either: both once more.  What is there stays.

	for (2 .. TRIES) {
		last if as_many($r->{idle}, $run->{idle})
			&& as_many($r->{busy}, $run->{busy});
		note("$name: $r->{idle} and $run->{idle} idle, "
			. "$r->{busy} and $run->{busy} busy");

		$run = measure(@{ $runs[0] });
		$r = measure($clients, $workers);
	}

	is($r->{connections}, $run->{connections}, "$name: connections");
	near($r->{idle}, $run->{idle}, "$name: fetches, idle");
	near($r->{busy}, $run->{busy}, "$name: fetches, busy");
}

sub near {
	my ($got, $expected, $name) = @_;

	ok(as_many($got, $expected), $name)
		or diag("$got and $expected a second");
}

sub as_many {
	my ($got, $expected) = @_;

	# a slow nginx takes more records at once
	return $got <= 1.1 * $expected
		&& ($ENV{TEST_INSTRUMENTED} || $got >= 0.9 * $expected);
}

# returns: what the broker sees of this nginx, rates per second
sub measure {
	my ($clients, $workers) = @_;
	my $name = "c$clients-w$workers-" . ++$nth;
	my $n = RATE * (BUSY + 2);

	$t->write_file_expand('nginx.conf', <<"EOT");
%%MODULE%%
%%GLOBALS%%
worker_processes $workers;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
    %%GLOBALS_HTTP%%
    kafka_ws_cluster c {
        brokers %%BROKERS%%;
        topics  $topic $idle_topic;
        zone    c 64m;
    }
    server {
        listen 127.0.0.1:%%PORT_0%% backlog=4096;
        location /t { kafka_ws c; kafka_ws_topic $topic; }
    }
}
EOT

	# what is there without nginx; the last one's have gone
	my $none = quiet();

	$t->run();

	my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
		connections => $clients, partitions => PARTITIONS,
		run => $name, records => $n / PARTITIONS,
		seconds => 120);

	my $connections = quiet() - $none;
	my $idle = rate(IDLE);
	my $bulk = $b->bulk_start($topic, run => $name, rate => RATE,
		size => 512, partitions => PARTITIONS, count => $n);
	my $busy = rate(BUSY);

	$bulk->result(60);

	my $r = $load->result(90);

	diag($r->{text}) if $r->{exit};
	$t->stop();

	return { %$r, connections => $connections, idle => $idle,
		busy => $busy };
}

# fetches a second over so many seconds
sub rate {
	my ($seconds) = @_;
	my $one = $b->metrics();

	sleep $seconds;

	my $two = $b->metrics();

	return ($two->{fetches} - $one->{fetches})
		/ ($two->{time} - $one->{time});
}

# the number of connections, once it has been the same for two seconds
sub quiet {
	my ($last, $since) = (-1, now());

	wait_for(30, sub {
		my $now = $b->metrics()->{connections};

		($last, $since) = ($now, now()) if $now != $last;
		sleep 0.2;

		return now() - $since >= 2;
	}) or die "connections come and go\n";

	return $last;
}
