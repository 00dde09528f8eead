#!/usr/bin/perl

# Filters and clients that do not take what comes: one falls behind others of
# the same values and gets the rest later, each record once; one that the ring
# overran is told, and every record that it lacks is within what it was told.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

use constant { TIME => 30, RECORDS => 16_000, SIZE => 400, KEYS => 4 };

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('behind'), partitions => 2);
my $t = KafkaWS::Nginx->new(broker => $b)->plan(9);

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

        location = /large {
            kafka_ws         large;
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

my $reads = open_client('/large?u=k1');
my $waits = open_client('/large?u=k1');
my $other = open_client('/large?u=k2');
my $lapped = open_client('/small?u=k3');

my $bulk = $b->bulk_start($topic, partitions => 2, count => RECORDS,
	size => SIZE, keys => KEYS, rate => RECORDS / 4);

my $all = RECORDS / KEYS;
my @got = $reads->records($all, TIME);

is($bulk->result()->{acked}, RECORDS, 'records');
is(said(@got) eq wanted(1), 1, 'one that reads');
is(said($other->records($all, TIME)) eq wanted(2), 1, 'another key');

cmp_ok($t->status()->{clusters}[0]{slow}, '>=', 1, 'one is behind');
is(said($waits->records($all, TIME)) eq wanted(1), 1,
	'one that was behind');

# live again, with the others

$b->produce($topic, { partition => 1, key => 'k1', value => 'last' });

is_deeply([map { ($_->records(1, TIME))[0]{value} } $reads, $waits],
	['last', 'last'], 'both are live');
is(scalar(grep { $_->{event} eq 'gap' } $reads->events, $waits->events), 0,
	'no gaps');

# the last one ends what was lost

$b->produce($topic, { partition => 1, key => 'k3', value => 'end' });

my (%have, $gaps);

while (my $m = $lapped->next_json(TIME)) {
	if (($m->{event} // '') eq 'gap') {
		$gaps++;
		$have{$_}++ for $m->{from} .. $m->{to};
		next;
	}

	next if $m->{event};
	last if $m->{value} eq 'end';

	$have{ $m->{offset} }++ if $m->{partition} == 1;
}

my @lacks = grep { !$have{$_} } map { 1 + 2 * $_ } 0 .. $all - 1;

cmp_ok($gaps // 0, '>=', 1, 'gaps are announced');
is(scalar @lacks, 0, 'nothing is lacking that was not announced')
	or diag("@lacks[0 .. 9]");

###############################################################################

sub open_client {
	my $c = KafkaWS::Client->open($t->port(0), $_[0], rcvbuf => 262144);

	$c->wait_event('start', TIME);

	return $c;
}

sub said { return join ' ', map { "$_->{partition}:$_->{offset}" } @_ }

# key n: partition n % 2, offsets n / 2 and every KEYS / 2 from there
sub wanted {
	my ($n) = @_;

	return join ' ', map { $n % 2 . ':' . (int($n / 2) + KEYS / 2 * $_) }
		0 .. $all - 1;
}

###############################################################################
