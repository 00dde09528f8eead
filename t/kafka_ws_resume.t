#!/usr/bin/perl

# Cursors that the ring holds: a client goes on exactly where it was.

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
my $topic = $b->create_topic($b->topic('resume'), partitions => 3);

# 5 records in partition 0, 5 in partition 1, none in partition 2

my @cursors = (
	# uri, the start event's entries
	['/?cursor=0:0,1:0,2:0', '0:0:resumed 1:0:resumed 2:0:resumed'],
	['/?cursor=0:3,1:1,2:0', '0:3:resumed 1:1:resumed 2:0:resumed'],
	['/?cursor=2:0,0:5,1:5', '0:5:resumed 1:5:resumed 2:0:resumed'],
	['/?cursor=0%3A3%2C1%3a1%2c2%3A0',
		'0:3:resumed 1:1:resumed 2:0:resumed'],
	['/?cursor=%30:3,1:1,2:0', '0:3:resumed 1:1:resumed 2:0:resumed'],
	['/?cursor=', '0:5:start 1:5:start 2:0:start'],
	['/', '0:5:start 1:5:start 2:0:start'],
	['/?other=0:1', '0:5:start 1:5:start 2:0:start'],

	# partitions that a cursor does not name were added since
	['/?cursor=0:3', '0:3:resumed 1:0:start 2:0:start'],
	['/?cursor=2:0', '0:0:start 1:0:start 2:0:resumed'],

	['/list?cursor=0:2,2:0', '0:2:resumed 2:0:resumed'],
	['/list?cursor=2:0', '0:0:start 2:0:resumed'],
	['/sources', '0:1:resumed 1:1:resumed 2:0:resumed',
		'X-Cursor', '0:1,1:1,2:0'],
	['/sources', '0:2:resumed 1:2:resumed 2:0:resumed',
		'Cookie', 'a=b; cursor=0:2,1:2,2:0'],
	['/sources', '0:1:resumed 1:1:resumed 2:0:resumed',
		'X-Cursor', '0:1,1:1,2:0', 'Cookie', 'cursor=0:2,1:2,2:0'],
	['/sources?cursor=0:2', '0:5:start 1:5:start 2:0:start'],
	['/sources', '0:5:start 1:5:start 2:0:start', 'X-Cursor', ''],
	['/part/0:4,1:4', '0:4:resumed 1:4:resumed 2:0:start'],
);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(3 * @cursors + 13);

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
        preload   records=1000;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location /list {
            kafka_ws            c;
            kafka_ws_partition  0,2;
        }

        location /sources {
            kafka_ws         c;
            kafka_ws_cursor  \$http_x_cursor \$cookie_cursor;
        }

        location ~ ^/part/(.*) {
            kafka_ws         c;
            kafka_ws_cursor  \$1;
        }
    }
}

EOT

###############################################################################

$b->produce($topic, map { my $p = $_; map { { partition => $p,
	value => "$p/$_" } } 0 .. 4 } 0, 1);

$t->run();

my @clients = map { KafkaWS::Client->open($t->port(0), $_->[0],
	headers => [@$_[2 .. $#$_]]) } @cursors;

my @starts = map { $_->wait_event('start', 10) } @clients;

$b->produce($topic, map { { partition => $_, value => 'new' } } 0 .. 2);

for my $i (0 .. $#cursors) {
	my ($uri, $start, @headers) = @{ $cursors[$i] };
	my $name = join ' ', $uri, @headers;
	my (%expected, %got);

	is(entries($starts[$i]), $start, "$name: start event");

	for (split ' ', $start) {
		my ($p, $from) = split /:/;
		my $end = $p == 2 ? 0 : 5;

		$expected{$p} = [map({ "$_ $p/$_" } $from .. $end - 1),
			"$end new"];
	}

	my $count = 0;

	$count += @$_ for values %expected;

	push @{ $got{ $_->{partition} } }, "$_->{offset} $_->{value}"
		for $clients[$i]->records($count, 10);

	is_deeply(\%got, \%expected, "$name: records");
	is(join(' ', map { $_->{event} } $clients[$i]->events), '',
		"$name: no other event");
}

# a client that comes back again and again, while records arrive

my $c = KafkaWS::Client->open($t->port(0), '/');
my %seen;

is(entries($c->wait_event('start', 10)), '0:6:start 1:6:start 2:1:start',
	'start of the first round');

my $bulk = $b->bulk_start($topic, partitions => 3, rate => 500,
	run => 'resume');

for my $round (1 .. 8) {
	push @{ $seen{ $_->{partition} } }, $_ for $c->records(60, 10);
	$c->disconnect();

	my $cursor = $c->cursor;

	$c = KafkaWS::Client->open($t->port(0), "/?cursor=$cursor");

	is(entries($c->wait_event('start', 10)), join(' ', map {
		"$_:resumed" } split /,/, $cursor), "round $round");
}

my $result = $bulk->stop();
my $left = $result->{acked} - 480;

push @{ $seen{ $_->{partition} } }, $_ for $c->records($left, 20);

my %from = (0 => 6, 1 => 6, 2 => 1);
my ($gaps, $wrong, $all) = (0, 0, 0);

for my $p (0 .. 2) {
	my $next = $from{$p};
	my $seq;

	for my $r (@{ $seen{$p} }) {
		my $v = KafkaWS::Broker::parse_value($r->{value});

		$gaps++ if $r->{offset} != $next++;
		$wrong++ if !$v || $v->{partition} != $p
			|| defined $seq && $v->{seq} != $seq + 1;
		$seq = $v->{seq};
		$all++;
	}
}

is($all, $result->{acked}, 'every record came');
is($gaps, 0, 'offsets without a hole, none twice');
is($wrong, 0, 'values in their order');
is(scalar(grep { $_->{event} ne 'idle' } $c->events), 0, 'and no event');

###############################################################################

# of a start event
sub entries {
	my ($start) = @_;

	return join ' ', map { "$_->{partition}:$_->{offset}:$_->{state}" }
		@{ $start->{partitions} };
}

###############################################################################
