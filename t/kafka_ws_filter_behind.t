#!/usr/bin/perl

# Filters and clients that do not take what comes: one falls behind others of
# the same values and gets the rest later, each record once; so do those that
# read, when a worker has much for them at once, and their sockets take a part
# of it.  One that the ring overran is told, and each record of its key either
# comes or is within what it was told.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(now wait_for);

use constant { TIME => 30, RECORDS => 16_000, SIZE => 400, KEYS => 4 };

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('behind'), partitions => 2);
my $t = KafkaWS::Nginx->new(broker => $b)->plan(14);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster large {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      large 64m;
        ring      8m;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_cluster small {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      small 16m;
        ring      256k;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_fields    partition offset key value;
        kafka_ws_backfill  off;

        # nobody reads some of them for long
        kafka_ws_ping      5m;

        location = /large {
            kafka_ws         large;
            kafka_ws_slow    close buffer=64k lag=10m;
            kafka_ws_filter  key = \$arg_u;
        }

        location = /small {
            kafka_ws         small;
            kafka_ws_slow    skip;
            kafka_ws_filter  key ^= \$arg_u;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $since = now();
my $reads = open_client('/large?u=k1');
my $waits = open_client('/large?u=k1', 65536);
my $other = open_client('/large?u=k2');
my $lapped = open_client('/small?u=k3');

my $half = RECORDS / 2;
my $all = RECORDS / KEYS;

my $bulk = bulk(rate => $half / 2);
my @got = $reads->records($all / 2, TIME);

is($bulk->result()->{acked}, $half, 'records');
is(said(@got), wanted(1, 0 .. $all / 2 - 1), 'one that reads');

cmp_ok($t->status()->{clusters}[0]{slow}, '>=', 1, 'one is behind');

# in spans as large as they get

my ($worker) = $t->worker_pids();

kill 'STOP', $worker;
is(bulk()->result()->{acked}, $half, 'records while the worker is stopped');
kill 'CONT', $worker;

is(said($reads->records($all / 2, TIME)), wanted(1, $all / 2 .. $all - 1),
	'one that reads, and all at once');

# those who did not read, once the small ring, too, has gone on to the end

wait_for(TIME, sub { !grep { $_->{next} < $half }
	@{ $t->status()->{clusters}[1]{topics}[0]{partitions} } })
	or die "the small ring stays behind\n";

my %last = ($other => [0, $half], $waits => [1, $half - 1],
	$lapped => [1, $half]);

KafkaWS::Client->read_together(TIME + now() - $since, sub {
	my ($partition, $offset) = @{ $last{ $_[0] } };

	return $_[0]{arrived}{''}{$partition} < $offset;
}, $other, $waits, $lapped);


is(said($other->records($all, TIME)), wanted(2, 0 .. $all - 1),
	'another key');

cmp_ok($t->status()->{clusters}[0]{slow}, '>=', 2, 'those who read, too');
is(said($waits->records($all, TIME)), wanted(1, 0 .. $all - 1),
	'one that was behind');

# no more than the others, and no less

$b->produce($topic, { partition => 1, key => 'k1', value => 'last' });

is_deeply([map { ($_->records(1, TIME))[0]{value} } $reads, $waits],
	['last', 'last'], 'both go on');
is(scalar(grep { $_->{event} eq 'gap' } $reads->events, $waits->events), 0,
	'no gaps');
is($t->status()->{clusters}[0]{frames}, 3 * $all + 2,
	'what a client passes over is not counted as sent');

# the last one ends what was lost

$b->produce($topic, { partition => 1, key => 'k3', value => 'end' });

my (%lost, %have, $gaps, $foreign);

while (my $m = $lapped->next_json(TIME)) {
	if (($m->{event} // '') eq 'gap') {
		$gaps++;
		next if $m->{partition} != 1;

		$lost{$_}++ for $m->{from} .. $m->{to};
		next;
	}

	next if $m->{event};
	last if $m->{value} eq 'end';

	$foreign++ if $m->{key} ne 'k3';
	$have{ $m->{offset} }++;
}

my @wrong = grep { ($have{$_} // 0) + ($lost{$_} // 0) != 1 }
	map { 1 + 2 * $_ } 0 .. $all - 1;

cmp_ok($gaps // 0, '>=', 1, 'gaps are announced');
is("@wrong", '', 'each record comes, or is within a gap');
is($foreign // 0, 0, 'and no other one comes');

###############################################################################

sub open_client {
	my ($uri, $rcvbuf) = @_;
	my $c = KafkaWS::Client->open($t->port(0), $uri,
		rcvbuf => $rcvbuf // 262144);

	$c->wait_event('start', TIME);

	return $c;
}

sub bulk {
	return $b->bulk_start($topic, partitions => 2, count => $half,
		size => SIZE, keys => KEYS, @_);
}

sub said { return join ' ', map { "$_->{partition}:$_->{offset}" } @_ }

# key n: partition n % 2, offsets n / 2 and every KEYS / 2 from there
sub wanted {
	my ($n, @i) = @_;

	return join ' ', map { $n % 2 . ':' . (int($n / 2) + KEYS / 2 * $_) }
		@i;
}

###############################################################################
