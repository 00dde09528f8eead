#!/usr/bin/perl

# Cursors older than what is held: the gap is told, or the connection closed.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

###############################################################################

my $b = KafkaWS::Broker->new();
my $kafka = $b->has('delete_records');
my $topic = $b->create_topic($b->topic('gap'), partitions => 2);
my $deleted = $b->create_topic($b->topic('deleted'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan($kafka ? 32 : 28);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic $deleted;
        zone      c 16m;
        ring      64k;
        preload   records=1000;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_topic     $topic;
        kafka_ws_format    json text binary;
        kafka_ws_backfill  off;

        location / {
            kafka_ws  c;
        }

        location /deleted {
            kafka_ws        c;
            kafka_ws_topic  $deleted;
            kafka_ws_start  earliest;
        }

        location /named {
            kafka_ws         c;
            kafka_ws_fields  topic partition offset;
        }

        location /close {
            kafka_ws      c;
            kafka_ws_gap  close;
        }

        location /notify {
            kafka_ws      c;
            kafka_ws_gap  notify;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

# 300 records of 1 KB lap partition 0, 10 of partition 1 stay

$b->produce($topic, map({ { value => "$_ " . 'x' x 1000 } } 0 .. 299),
	map { { partition => 1, value => $_ } } 0 .. 9);

if ($kafka) {
	$b->produce($deleted, 0 .. 29);
	$b->delete_records($deleted, 0, 20);
}

$t->run();

my ($c, @events) = connect_with('/?cursor=0:7,1:3');
my $oldest = $events[0]{partitions}[0]{offset};

cmp_ok($oldest, '>', 200, 'the ring is lapped');
is_deeply($events[0]{partitions}, [
	{ partition => 0, offset => $oldest, state => 'gap' },
	{ partition => 1, offset => 3, state => 'resumed' },
], 'start event');
is_deeply($events[1], { event => 'gap', partition => 0, from => 7,
	to => $oldest - 1, reason => 'lapped' }, 'gap event');

my %got;

push @{ $got{ $_->{partition} } }, $_->{offset}
	for $c->records(300 - $oldest + 7, 10);

is_deeply($got{0}, [$oldest .. 299], 'records behind the gap');
is_deeply($got{1}, [3 .. 9], 'records of the other partition');
is($c->cursor, '0:300,1:10', 'cursor behind the gap');

my $known = partition_of($topic);

is($known->{oldest}, $oldest, 'status: oldest offset');
is($known->{next}, 300, 'status: next offset');
is($t->status()->{clusters}[0]{gaps}, 1, 'status: gaps');

# exactly at the edge

($c, @events) = connect_with("/?cursor=0:$oldest,1:10");
is($events[0]{partitions}[0]{state}, 'resumed', 'oldest record: no gap');
is($c->next_record(10)->{offset}, $oldest, 'oldest record comes');
is(scalar $c->events, 0, 'oldest record: no event');

my $edge = $oldest - 1;

($c, @events) = connect_with("/?cursor=0:$edge,1:10");
is("$events[1]{from} $events[1]{to}", "$edge $edge", 'a gap of one');
is($c->next_record(10)->{offset}, $oldest, 'and the record behind it');

# a partition that the cursor does not name starts at its beginning

($c, @events) = connect_with('/?cursor=1:10');
is("$events[1]{partition} $events[1]{from} $events[1]{to}",
	"0 0 $edge", 'gap of a partition not named');

($c, @events) = connect_with('/named?cursor=0:0,1:10');
is_deeply($events[1], { event => 'gap', topic => $topic, partition => 0,
	from => 0, to => $edge, reason => 'lapped' }, 'gap with a topic');

# kafka_ws_gap

for my $case (['/close', 'json'], ['/close', 'text'], ['/close', 'binary'],
	['/', 'text'], ['/', 'binary'], ['/notify', 'text'])
{
	my ($uri, $format) = @$case;

	$c = KafkaWS::Client->open($t->port(0), "$uri?cursor=0:0",
		subprotocol => "kafka.$format.v1");

	is(join(' ', $c->wait_close(10)), '4410 position no longer held',
		"$uri, $format: closed");
	is(scalar @{ $c->{inbox} }, 0, "$uri, $format: nothing before");
}

if ($kafka) {
	my $held;

	# a topic of its own, which nobody has waited for so far
	wait_for(10, sub {
		$held = partition_of($deleted);
		$held = join ' ', map { $_ // 'null' }
			@$held{qw(log_start oldest)};

		return $held eq '20 20';
	});

	is($held, '20 20', 'status of deleted records');

	($c, @events) = connect_with('/deleted?cursor=0:5');
	is_deeply($events[1], { event => 'gap', partition => 0, from => 5,
		to => 19, reason => 'retention' }, 'gap of deleted records');
	is($c->next_record(10)->{offset}, 20, 'record behind it');

	$c = KafkaWS::Client->open($t->port(0), '/deleted');
	is($c->wait_event('start', 10)->{partitions}[0]{offset}, 20,
		'earliest is what is left');
}

###############################################################################

# a client and its first messages, two if there is a gap to tell
sub connect_with {
	my ($uri) = @_;
	my $client = KafkaWS::Client->open($t->port(0), $uri);
	my $start = $client->next_json(10);
	my $gap = grep { $_->{state} eq 'gap' } @{ $start->{partitions} };

	return ($client, $start, $gap ? $client->next_json(10) : ());
}

# status of a topic's first partition
sub partition_of {
	my ($name) = @_;
	my ($found) = grep { $_->{topic} eq $name }
		@{ $t->status()->{clusters}[0]{topics} };

	return $found->{partitions}[0];
}

###############################################################################
