#!/usr/bin/perl

# The helper process is killed, three times in flow, and stopped for seconds:
# the same connections go on at the exact next offset.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);
use KafkaWS::Stall;

use constant { PARTITIONS => 3, RATE => 300, TIME => 10, KILLS => 3 };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('kill'), partitions => PARTITIONS);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(28);

$t->allow_alert(qr/cache manager process \d+ exited on signal 9$/);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    # all but one client read at the end
    kafka_ws_ping  300ms timeout=1h;
    kafka_ws_slow  close lag=1h;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 32m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $machine = KafkaWS::Stall->start();
my $began = now();
my @c = map { started() } 1 .. 4;
my %next;			# client => [next sequence of each partition]
my @workers = $t->worker_pids();
my $epoch = status()->{epoch};
my $bulk = $b->bulk_start($topic, run => 'kill', rate => RATE, size => 100,
	partitions => PARTITIONS, seconds => 60);

# the first client reads on while things happen, the others later

is(flow($c[0], 100), 100, 'flow');

for my $n (1 .. KILLS) {
	my $old = $t->helper_pid();

	$bulk->lap();
	$machine->lap();
	kill 'KILL', $old;

	my $killed = now();
	my $at = $c[0]{last_frame}{at};
	my $stall = 0;

	# until the next helper's first records are through
	while (now() < $killed + TIME) {
		last unless flow($c[0], 1);

		my $gap = $c[0]{last_frame}{at} - $at;

		$at += $gap;
		$stall = $gap if $gap > $stall;
		last if now() > $killed + within(2)
			&& status()->{helper_pid} != $old;
	}

	# what stops producers, too, or any process, is the machine's own

	my $own = $machine->lap()->{longest} + $bulk->lap() / 1e6;

	cmp_ok($stall - $own, '<', within(1), "stall after kill $n");
	note(sprintf 'stall %.3f s, the machine %.3f s', $stall, $own);

	my $s = status();

	isnt($s->{helper_pid}, $old, "kill $n: another helper");
	is($s->{helper_pid}, $t->helper_pid(), "kill $n: it is the writer");
	is($s->{epoch}, $epoch + $n, "kill $n: one writer after the other");
}

# stopped for seconds: others must not take over, it must not repeat

my $helper = $t->helper_pid();

kill 'STOP', $helper;

flow($c[0], RATE, 0.5);
ok(wait_for(5, sub { status()->{heartbeat_age_ms} > 1000 }),
	'the heartbeat of a stopped helper stands');

# first those that were sent before

$c[1]->until(now() + 2, sub { 0 });

my $pings = $c[1]{pings};

$c[1]->until(now() + TIME, sub { $c[1]{pings} > $pings });
cmp_ok($c[1]{pings}, '>', $pings, 'pings while the helper is stopped');
is(status()->{helper_pid}, $helper, 'nobody took over');

kill 'CONT', $helper;

is(flow($c[0], 2 * RATE), 2 * RATE, 'flow goes on');
ok(wait_for(TIME, sub { status()->{heartbeat_age_ms} < within(1000) }),
	'heartbeat goes on');
is(status()->{epoch}, $epoch + KILLS, 'by the same writer');

# everything, once, on all of them

my $sent = $bulk->stop();
my $total = $sent->{acked};

KafkaWS::Client->read_together(TIME + now() - $began,
	sub { !has($_[0], $total) }, @c);

for my $i (0 .. $#c) {
	my $c = $c[$i];
	my @at = @{ $next{$c} // [] };
	my $seen = 0;

	$seen += $_ // 0 for @at;
	is($seen + flow($c, $total - $seen), $total,
		"client $i: every record, once, in order");
	ok(!$c->{close} && !$c->{eof}, "client $i: still connected");
}

is_deeply([$t->worker_pids()], \@workers, 'the same workers');

###############################################################################

# true once so many records have arrived
sub has {
	my ($c, $count) = @_;

	$count -= $_ for values %{ $c->{arrived}{''} };

	return $count <= 0;
}

sub started {
	my $c = KafkaWS::Client->open($t->port(0), '/');

	$c->wait_event('start', 10);

	return $c;
}

# Reads so many records; dies unless each is the next one of its partition.
# returns: how many came in time
sub flow {
	my ($c, $count, $seconds) = @_;
	my $deadline = now() + ($seconds // TIME);
	my $n = 0;

	while ($n < $count) {
		my $r = $c->next_record($deadline - now()) or last;
		my $v = KafkaWS::Broker::parse_value($r->{value})
			// die "damaged: $r->{value}\n";
		my $p = $v->{partition};
		my $next = $next{$c}[$p] // 0;

		die "partition $p: $v->{seq} instead of $next\n"
			if $v->{seq} != $next || $p != $r->{partition};
		$next{$c}[$p] = $next + 1;
		$n++;
	}

	return $n;
}

sub status { return $t->status()->{clusters}[0] }

###############################################################################
