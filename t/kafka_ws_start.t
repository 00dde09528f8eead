#!/usr/bin/perl

# kafka_ws_start: where the stream of a new client begins.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('start'), partitions => 3);

# 10 records in partition 0, 3 in partition 1, none in partition 2

my @records = map { [map { "old $_" } 0 .. $_ - 1] } 10, 3, 0;

# location, the offset that each partition starts at

my @starts = (
	['/default', 10, 3, 0],
	['/latest', 10, 3, 0],
	['/earliest', 0, 0, 0],
	['/tail', 5, 0, 0],
	['/arg?start=latest', 10, 3, 0],
	['/arg?start=earliest', 0, 0, 0],
	['/arg?start=tail=1', 9, 2, 0],
	['/arg?start=tail=3', 7, 0, 0],
	['/arg?start=tail=10', 0, 0, 0],
	['/arg?start=tail=1000000000', 0, 0, 0],
	['/arg?start=', 10, 3, 0],
	['/arg', 10, 3, 0],
	['/inherited', 8, 1, 0],
	['/one', 8, undef, undef],
	['/tail?cursor=', 5, 0, 0],
);

my @bad = ('now', 'Latest', 'latest ', 'tail', 'tail=', 'tail=0', 'tail=-1',
	'tail=1.5', 'tail=1000000001', 'tail=99999999999999999999', 'since=',
	'since=0', 'since=-1h', 'since=2026-02-30T00:00:00Z',
	'since=2026-01-01', 'since=2026-01-01T00:00:00+01:00', 'since=2y', '0');

my $t = KafkaWS::Nginx->new(broker => $b)->plan(3 * @starts + 2 * @bad + 2);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 32m;
        preload   records=100;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location /default {
            kafka_ws  c;
        }

        location /latest {
            kafka_ws        c;
            kafka_ws_start  latest;
        }

        location /earliest {
            kafka_ws        c;
            kafka_ws_start  earliest;
        }

        location /tail {
            kafka_ws        c;
            kafka_ws_start  tail=5;
        }

        location /arg {
            kafka_ws        c;
            kafka_ws_start  \$arg_start;
        }
    }

    server {
        listen  127.0.0.1:%%PORT_1%%;

        kafka_ws_start  tail=2;

        location /inherited {
            kafka_ws  c;
        }

        location /one {
            kafka_ws            c;
            kafka_ws_partition  0;
        }
    }
}

EOT

###############################################################################

$b->produce($topic, map { my $p = $_; map { { partition => $p,
	value => $_ } } @{ $records[$p] } } 0 .. 2);

$t->run();

# all of them at once: what comes later comes to each behind the old ones

my @clients = map {
	my $uri = $_->[0];

	KafkaWS::Client->open($t->port($uri =~ /inh|one/ ? 1 : 0), $uri);
} @starts;

my @events = map { $_->wait_event('start', 10) } @clients;

$b->produce($topic, map { { partition => $_, value => 'new' } } 0 .. 2);

for my $i (0 .. $#starts) {
	my ($uri, @from) = @{ $starts[$i] };
	my @partitions = grep { defined $from[$_] } 0 .. 2;
	my (%expected, %got);

	is_deeply($events[$i]{partitions}, [map { { partition => $_,
		offset => $from[$_], state => 'start' } } @partitions],
		"$uri: start event");

	for my $p (@partitions) {
		my @old = @{ $records[$p] };

		$expected{$p} = [@old[$from[$p] .. $#old], 'new'];
	}

	my $count = 0;

	$count += @$_ for values %expected;

	push @{ $got{ $_->{partition} } }, $_->{value}
		for $clients[$i]->records($count, 10);

	is_deeply(\%got, \%expected, "$uri: records");
	is(join(' ', map { $_->{event} } $clients[$i]->events), '',
		"$uri: no other event");
}

for my $value (@bad) {
	my $uri = $value =~ s/ /%20/gr;
	my $r = KafkaWS::Client->connect($t->port(0), "/arg?start=$uri");

	is($r->status, 400, "start \"$value\": status");
	like($r->body, qr/^start: not latest, earliest, tail=n or since=time$/,
		"start \"$value\": text");
}

# a start is not asked for when there is a cursor

my $c = KafkaWS::Client->open($t->port(0), '/tail?cursor=0:9,1:4,2:1');

is_deeply($c->wait_event('start', 10)->{partitions}, [
	{ partition => 0, offset => 9, state => 'resumed' },
	{ partition => 1, offset => 4, state => 'resumed' },
	{ partition => 2, offset => 1, state => 'resumed' },
], 'cursor before start: start event');

is(join(' ', map { $_->{value} } $c->records(2, 10)), 'old 9 new',
	'cursor before start: records');

###############################################################################
