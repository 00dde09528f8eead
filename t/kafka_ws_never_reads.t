#!/usr/bin/perl

# Clients that never read cost the worker no memory beyond their struct,
# their socket and the rest of one frame, and delay no one else.

# brokers: kafka mock
# run: alone
# timeout: 240

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use List::Util qw(max);
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Load qw(private_bytes);
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Pace qw(amount unmeasured);

use constant {
	CLIENTS => amount(50),
	STUCK => amount(200),
	RATE => amount(300),
	SIZE => 4096,
	SECONDS => 4,
	FILL => 1000,			# records until they are surely stuck
	FRAME => 4096 + 256,
	READER => 14 * 1024 + 256,	# bytes, nginx's connection and a frame
	TRIES => 5,
	SLACK => 128 * 1024,
};

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('stuck'), partitions => 1);

# the mock answers a fetch without data only when its time is over
my $wait = $b->kind eq 'mock' ? 5 : 500;

my $t = KafkaWS::Nginx->new(broker => $b)->plan(15);

# the ring holds all that comes while they are stuck, so none is lapped
$t->write_file_expand('nginx.conf', <<"EOT")->run();
%%MODULE%%
%%GLOBALS%%
worker_processes 1;
events { worker_connections 1024; }
http {
    %%GLOBALS_HTTP%%
    kafka_ws_cluster c {
        brokers %%BROKERS%%;
        topics  $topic;
        zone    c 64m;
        ring    32m;
        property fetch.wait.max.ms $wait;
    }
    server {
        listen 127.0.0.1:%%PORT_0%%;
        kafka_ws_slow close lag=120s buffer=64k;
        location /t { kafka_ws c; }
        location = /kafka_ws_status { kafka_ws_status; }
    }
}
EOT

my ($worker) = $t->worker_pids();

# as many as there will ever be, so that what nginx keeps for them is there

flow('warm', CLIENTS + STUCK, 1);

my ($before, $after);

$before = flow('alone', CLIENTS, SECONDS);

my ($stuck, $empty, $full) = fill();
my $with = beside();

is($t->status()->{clusters}[0]{connections}, STUCK, 'they are still there');

my $later = private_bytes($worker);
my $left = leave($stuck);
$after = flow('again', CLIENTS, SECONDS);

# what they took, the next ones take again
my ($others, undef, $again) = fill();

leave($others);

is($before->{exit}, 0, 'everything arrives without them');
is($with->{exit}, 0, 'everything arrives beside them');
is($with->{reconnects} + $with->{gaps}, 0, 'no reader was closed');
is($after->{exit}, 0, 'everything arrives when they are gone');

is($left->{reconnects} + $left->{resets} + $left->{eofs}, 0,
	'they were not closed either');

SKIP: {
	unmeasured(5);

	cmp_ok(($full - $empty) / STUCK, '<=', FRAME,
		'memory for each of them');
	cmp_ok($later - $full, '<=', SLACK + READER * CLIENTS,
		'memory while the stream goes on: that of the readers');
	cmp_ok($again - $later, '<=', SLACK, 'memory with the next ones');

	cmp_ok($with->{latency_us}{$_}, '<', allowed($_),
		"latency of the readers, $_") for qw(p50 p99);
}

note("memory: $empty, $full, $later, $again; latency: "
	. join ', ', map { "$_->{latency_us}{p50}/$_->{latency_us}{p99}" }
	$before, $with, $after);

# A delay that they cause is there each time, one of the machine is not.
# returns: the report of the flow that was not slower than alone, or the last
sub beside {
	my $r;

	for my $try (1 .. TRIES) {
		$r = flow("beside$try", CLIENTS, SECONDS);

		last if $r->{exit} || $r->{latency_us}{p50} < allowed('p50')
			&& $r->{latency_us}{p99} < allowed('p99');
	}

	return $r;
}

# microseconds of a quantile
sub allowed {
	my ($q) = @_;

	return 1.5 * max(map { $_->{latency_us}{$q} } grep { $_ } $before,
		$after) + 10000;
}

# returns: the clients, the worker's memory before and after they are stuck
sub fill {
	my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
		connections => STUCK, never_read => STUCK, rcvbuf => 16384,
		seconds => 120);

	my $free = private_bytes($worker);

	$b->produce_bulk($topic, run => 'fill', size => SIZE, count => FILL);

	ok(settled(), 'nothing is sent any more');

	return ($load, $free, private_bytes($worker));
}

sub leave {
	my ($load) = @_;
	my $r = $load->stop();

	ok(wait_for(10, sub {
		$t->status()->{clusters}[0]{connections} == 0 }),
		'their end is seen');

	return $r;
}

# returns: what the readers report of one flow
sub flow {
	my ($run, $clients, $seconds) = @_;
	my $n = RATE * $seconds;
	my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
		connections => $clients, run => $run, records => $n,
		seconds => 60);

	my $sent = $b->produce_bulk($topic, run => $run, rate => RATE,
		size => SIZE, count => $n);

	die "not all records produced\n" if $sent->{failed};

	my $r = $load->result(90);

	diag("$run: $r->{text}") if $r->{exit};

	return $r;
}

# returns: true once the worker sends no more
sub settled {
	my $last = -1;

	return wait_for(20, sub {
		my $c = $t->status()->{clusters}[0];
		my $now = "$c->{sends} $c->{topics}[0]{partitions}[0]{next}";
		my $same = $now eq $last;

		$last = $now;
		select undef, undef, undef, 0.5;

		return $same;
	});
}
