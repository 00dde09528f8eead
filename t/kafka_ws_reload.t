#!/usr/bin/perl

# Ten reloads in flow: each client gets 1012 with its cursor, comes back with
# it, and misses nothing; old workers are gone in time.

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
use KafkaWS::Waited;

use constant {
	PARTITIONS => 3, RATE => 100, TIME => 10, RELOADS => 10, CLIENTS => 3,
	DRAIN => 0.6,
	BUFFER => 1 << 20,		# more than comes while nobody reads
};

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('reload'), partitions => PARTITIONS);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(13 + CLIENTS * 2);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_drain  600ms;

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

my @c = map { started('/') } 1 .. CLIENTS;
my @next = map { [] } 1 .. CLIENTS;
my ($closes, $reasons, $resumed, $gone, $late) = (0, 0, 0, 0, 0);
my ($pid, $descriptors) = ($t->helper_pid());
my $bulk = $b->bulk_start($topic, run => 'reload', rate => RATE, size => 100,
	partitions => PARTITIONS, seconds => 120);

for my $n (1 .. RELOADS) {
	flow($_, 20) for 0 .. $#c;

	my @old = $t->worker_pids();

	$t->reload();

	my ($told, $queued) = (now(), KafkaWS::Waited->new($$, @old));

	for my $i (0 .. $#c) {
		flow($i, 1e9);		# up to the Close

		my ($code, $reason) = $c[$i]->wait_close(TIME);

		$late++ if now() - $told - $queued->seconds()
			> DRAIN + within(1);
		$closes++ if ($code // 0) == 1012;
		$reasons++ if ($reason // '') eq $c[$i]->cursor;

		$c[$i] = started("/?cursor=$reason");
		$resumed++ unless grep { $_->{state} ne 'resumed' }
			@{ $c[$i]{start}{partitions} };
	}

	$gone++ if wait_for(TIME, sub {
		my @now = $t->old_worker_pids();

		return $queued->seconds() >= 0 && !@now;
	}) && now() - $told - $queued->seconds() <= DRAIN + within(1);

	$descriptors //= descriptors();
}

ok(wait_for(TIME, sub { descriptors() <= $descriptors }),
	'no more descriptors than after the first reload')
	or diag(descriptors() . " are not $descriptors");

is($closes, CLIENTS * RELOADS, 'each reload closes with 1012');
is($reasons, CLIENTS * RELOADS, 'the reason is the cursor');
is($resumed, CLIENTS * RELOADS, 'every start is resumed');
is($late, 0, 'all are closed in the time of the drain');
is($gone, RELOADS, 'old workers are gone a second after the drain');
isnt($t->helper_pid(), $pid, 'another helper');

my $total = $bulk->stop()->{acked};

for my $i (0 .. $#c) {
	my $seen = 0;

	$seen += $_ // 0 for @{ $next[$i] };
	is($seen + flow($i, $total - $seen), $total,
		"client $i: every record, once, in order");
	ok(!$c[$i]{close} && !$c[$i]{eof}, "client $i: streams on");
}

my $s = $t->status();
my $cluster = $s->{clusters}[0];

is($s->{generation}, 1 + RELOADS, 'configurations are counted');
is($cluster->{epoch}, 1 + RELOADS, 'writers, one after the other');
is($cluster->{records}, $total, 'no record was read from Kafka again');
is($cluster->{connections}, CLIENTS, 'connections left');
is($cluster->{closes}{1012}, CLIENTS * RELOADS, 'closes are counted');
is($cluster->{gaps} + $cluster->{lapped}, 0, 'no gaps');

###############################################################################

# of the master, which its children inherit
sub descriptors {
	my @fds = glob '/proc/' . $t->master_pid() . '/fd/*';

	return scalar @fds;
}

sub started {
	my ($uri) = @_;
	my $c = KafkaWS::Client->open($t->port(0), $uri, rcvbuf => BUFFER);

	$c->{start} = $c->wait_event('start', 10);

	return $c;
}

# Reads so many records, or up to the Close; dies unless each is the next one
# of its partition.
# returns: how many came
sub flow {
	my ($i, $count) = @_;
	my $n = 0;

	while ($n < $count) {
		my $r = $c[$i]->next_record(TIME) or last;
		my $v = KafkaWS::Broker::parse_value($r->{value})
			// die "damaged: $r->{value}\n";
		my $next = $next[$i][ $v->{partition} ] // 0;

		die "client $i, partition $v->{partition}: $v->{seq} instead"
			. " of $next\n" if $v->{seq} != $next;
		$next[$i][ $v->{partition} ] = $next + 1;
		$n++;
	}

	return $n;
}

###############################################################################
