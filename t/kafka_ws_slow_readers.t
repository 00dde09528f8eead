#!/usr/bin/perl

# 10,000 clients that stop reading, on a stream at full rate: skipped over or
# closed, they cost two workers what OPERATIONS.md says and the kernel
# "buffer" says, and those who read have each record in time.

# brokers: kafka
# run: alone
# timeout: 240

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use List::Util qw(max min sum);
use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Load qw(private_bytes descriptors);
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(amount within unmeasured);
use KafkaWS::Stall;

use constant {
	STUCK => amount(10_000),
	READERS => amount(20),
	RATE => amount(1000),
	SIZE => 4096,
	SECONDS => within(5),
	LAG => 2,
	CUT => 5,			# seconds to take what was sent

	BUFFER => 4096,			# of which Linux takes the double,
	PACKET => 4096,			# and may go over it by the last one
	STREAM => 10 * 1024,		# OPERATIONS.md, Tuning
	FRAME => 4096 + 256,		# the rest of one that was half sent
	SLACK => 4 * 1024 * 1024,	# of each worker, for what it sends
	TRIES => 4,
	LATENCY => 2_000_000,		# us, p99 while their sockets fill
	NOISE => 20_000,		# us, when they are full
	STALL => 1_000_000,		# README.md, G6
};

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('stuck'));
my $t = KafkaWS::Nginx->new(broker => $b)->plan(23);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes      2;
worker_rlimit_nofile  16384;

events {
    worker_connections  12000;
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $topic;
        zone     c 64m;
        ring     16m;
    }

    kafka_ws_ping      5m;
    kafka_ws_backfill  off;

    server {
        listen  127.0.0.1:%%PORT_0%% reuseport backlog=8192;

        location /earliest {
            kafka_ws       c;
            kafka_ws_slow  skip lag=${\LAG}s buffer=4k;
        }

        location /latest {
            kafka_ws       c;
            kafka_ws_slow  skip lag=${\LAG}s buffer=4k to=latest;
        }

        location /close {
            kafka_ws       c;
            kafka_ws_slow  close lag=${\LAG}s buffer=4k;
        }

        location /reader {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $stall = KafkaWS::Stall->start();
my @workers = $t->worker_pids();
my $files;			# that they have open

# what nginx takes once, and not for each of them
my $before = flow('before', 1);

$files = left('before', 10);

my $free = memory();

# those that are skipped over stay

my $load = stuck('/earliest', '/latest');
my $behind = status()->{lapped};

flow('skip', SECONDS);

my $full = memory();
my @kernel = skmem();

# the other worker may still see the readers of this flow
ok(wait_for(10, sub { status()->{connections} == STUCK }),
	'skip: they are all there');
cmp_ok(status()->{slow}, '>=', STUCK, 'skip: and were slow');

# half of them: the others begin anew when the lag is over
cmp_ok(status()->{lapped} - $behind, '>=', STUCK / 2,
	'skip: the ring laps them');
held('skip', $full - $free, @kernel);

# A delay that they cause is there each time, one of the machine is not.
my @later;

for (1 .. TRIES) {
	push @later, flow("skip, later $_", 2);
	last if $later[-1] <= 1.5 * $before + NOISE;
}

SKIP: {
	unmeasured(2);
	cmp_ok(min(@later), '<=', 1.5 * $before + NOISE,
		'skip: latency of those who read, p99');
	cmp_ok(memory() - $full, '<=', SLACK, 'skip: memory does not grow');
}

$load->stop();
left('skip', 10);

# those that are closed go

$load = stuck('/close');
flow('close', SECONDS);
left('close', LAG + CUT);
is(status()->{closes}{4408}, STUCK, 'close: all by 4408');

$load->stop();

SKIP: {
	unmeasured(1);

	# malloc() keeps what others may need
	cmp_ok(memory() - $full, '<=', SLACK, 'close: memory of no more');
}

is_deeply([$t->worker_pids()], \@workers, 'the same workers');

###############################################################################

sub stuck {
	my (@uri) = @_;

	return KafkaWS::Load->start(port => $t->port(0), uri => \@uri,
		connections => STUCK, never_read => STUCK, rcvbuf => 4096,
		sources => 4, seconds => 120);
}

# The readers have every record, and soon.
# returns: their latency, p99, in us
sub flow {
	my ($run, $seconds) = @_;
	my $n = int(RATE * $seconds);
	my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/reader',
		connections => READERS, run => $run =~ tr/a-z0-9//cdr,
		records => $n, seconds => 60);

	$stall->lap();

	my $sent = $b->produce_bulk($topic, run => $run =~ tr/a-z0-9//cdr,
		rate => RATE, size => SIZE, count => $n);
	my $r = $load->result(90);
	my $late = $stall->lap()->{longest} * 1e6;

	die "$run: not every record to every reader: $r->{text}\n"
		if $sent->{failed} || $r->{exit} || $r->{gaps}
			|| $r->{reconnects};

	SKIP: {
		last if $run =~ /later/;
		unmeasured(2);

		cmp_ok($r->{latency_us}{p99}, '<', within(LATENCY),
			"$run: in time, p99");
		cmp_ok($r->{stall_us}{max} - $late, '<', within(STALL),
			"$run: longest stall");
	}

	note(sprintf '%s: %.1f MB/s; latency, us: p50 %d, p99 %d, max %d; '
		. 'longest stall %d, of the machine %d', $run,
		RATE * SIZE / 1e6,
		@{ $r->{latency_us} }{qw(p50 p99 max)}, $r->{stall_us}{max},
		$late);

	return $r->{latency_us}{p99};
}

# What they cost, the workers and the kernel.
sub held {
	my ($name, $bytes, @kernel) = @_;

	is(scalar @kernel, STUCK, "$name: their sockets are seen");

	my $most = max(0, @kernel);

	cmp_ok($most, '<=', 2 * BUFFER + PACKET,
		"$name: send buffer, the largest");

	SKIP: {
		unmeasured(1);

		cmp_ok($bytes, '<=', STUCK * (STREAM + FRAME) + @workers
			* SLACK, "$name: memory of the workers");
	}

	note(sprintf '%s: %d bytes of a worker for each; of the kernel %d, '
		. 'at most %d', $name, $bytes / STUCK,
		sum(0, @kernel) / STUCK, $most);
}

sub left {
	my ($name, $seconds) = @_;
	my $since = now();

	ok(wait_for($seconds, sub { status()->{connections} == 0 }),
		"$name: none is left");
	note(sprintf '%s: gone after %.1f s', $name, now() - $since);

	# the baseline, at first
	my ($fds, $same) = (0, 0);

	ok(wait_for(10, sub {
		my $now = files();

		sleep 0.1;
		$same = $now == $fds ? $same + 1 : 0;
		$fds = $now;

		return $same > 4 && $fds == ($files // $fds);
	}), "$name: descriptors") or diag("$fds are not $files");

	return $fds;
}

sub memory { return sum(map { private_bytes($_) } @workers) }

sub files { return sum(map { descriptors($_) } @workers) }

# returns: bytes that the kernel holds for each of those that are stuck
sub skmem {
	my $port = $t->port(0);
	my @all;

	open my $ss, '-|', 'ss', '-Htmn', 'state', 'established',
		"( sport = :$port )" or die "ss: $!\n";

	while (my $line = <$ss>) {
		push @all, $2 if $line =~ /tb(\d+),f\d+,w(\d+),/
			&& $1 == 2 * BUFFER;
	}

	close $ss;

	return @all;
}

sub status { return $t->status()->{clusters}[0] }

###############################################################################
