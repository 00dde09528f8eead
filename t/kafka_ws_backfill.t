#!/usr/bin/perl

# Records older than the ring come from Kafka, and join what is live.

# brokers: kafka
# timeout: 300

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

use constant {
	N => 5000,			# records of 1 KB, the ring has some 60
	CLIENTS => 30,
};

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('old'), partitions => 2);
my $deleted = $b->create_topic($b->topic('deleted'));
my $holes = $b->create_topic($b->topic('holes'));
my $large = $b->create_topic($b->topic('large'));
my $live = $b->create_topic($b->topic('live'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(44);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    # those who are not read for a while, on a machine that is busy

    kafka_ws_ping  5m timeout=5m;
    kafka_ws_slow  close lag=5m;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic $deleted $holes $large $live;
        zone      c 16m;
        ring      64k;
        preload   records=50;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_topic   $topic;
    kafka_ws_format  json text binary;
    kafka_ws_gap     notify;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location /earliest {
            kafka_ws        c;
            kafka_ws_start  earliest;
        }

        location /bounded {
            kafka_ws           c;
            kafka_ws_start     earliest;
            kafka_ws_backfill  records=1000;
        }

        location /off {
            kafka_ws           c;
            kafka_ws_backfill  off;
        }

        location /close {
            kafka_ws      c;
            kafka_ws_gap  close;
            kafka_ws_backfill  records=1000;
        }

        location /since {
            kafka_ws        c;
            kafka_ws_start  \$arg_since;
        }

        location /age {
            kafka_ws           c;
            kafka_ws_start     earliest;
            kafka_ws_backfill  age=1h;
        }

        location /deleted {
            kafka_ws        c;
            kafka_ws_topic  $deleted;
            kafka_ws_start  earliest;
        }

        location /holes {
            kafka_ws        c;
            kafka_ws_topic  $holes;
            kafka_ws_start  earliest;
        }

        location /large {
            kafka_ws        c;
            kafka_ws_topic  $large;
            kafka_ws_start  earliest;
        }

        location /live {
            kafka_ws        c;
            kafka_ws_topic  $live;
            kafka_ws_start  earliest;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

# the first half is two hours old, the second half half an hour

my $now = int(time()) * 1000;

$b->produce($topic, map({ {
	value => "$_ " . 'x' x 1000,
	timestamp => $now - ($_ < N / 2 ? 7_200_000 : 1_800_000),
} } 0 .. N - 1), map { { partition => 1, value => "$_ " } } 0 .. 9);

$b->produce($deleted, map { "$_ " . 'x' x 1000 } 0 .. 299);
$b->delete_records($deleted, 0, 20);

# of three transactions one is not to be seen; each ends with a mark

for my $n (0 .. 29) {
	my $how = $n % 3 == 1 ? 'txn_abort' : 'txn_commit';

	$b->$how($holes, map { "$n " . 'x' x 1000 } 1 .. 10);
}

# two that are too large, among those that are not

$b->produce($large, map { "$_ " . 'x' x ($_ == 50 || $_ == 51 ? 20_000
	: 1000) } 0 .. 299);

$t->run();

# from a cursor

my ($c, $start) = connect_with('/?cursor=0:7,1:3');

is_deeply($start->{partitions}, [
	{ partition => 0, offset => 7, state => 'backfilled' },
	{ partition => 1, offset => 3, state => 'resumed' },
], 'start event');

complete($c, 7, N - 1, 'from a cursor');

# from the beginning, and on

($c, $start) = connect_with('/earliest');

is_deeply($start->{partitions}, [
	{ partition => 0, offset => 0, state => 'backfilled' },
	{ partition => 1, offset => 0, state => 'start' },
], 'start event of earliest');

complete($c, 0, N - 1, 'from the earliest');

$b->produce($topic, N . ' ');
is(follow($c, N, N), N + 1, 'and on, live');

# a partition that the cursor does not name starts at its beginning

($c, $start) = connect_with('/?cursor=1:10');
is($start->{partitions}[0]{offset} . $start->{partitions}[0]{state},
	'0backfilled', 'a partition not named');
complete($c, 0, N, 'a partition not named');

# the same records are read once for many

my $before = backfill();
my @clients = map { KafkaWS::Client->open($t->port(0),
	'/?cursor=0:4000,1:10') } 1 .. CLIENTS;
my $whole = grep { follow($_, 4000, N) == N + 1 } @clients;

is($whole, CLIENTS, 'many with one cursor: all have everything');

my $after = backfill();

cmp_ok($after->{bytes} - $before->{bytes}, '<=', 1.1 * 1000 * 1005,
	'many with one cursor: read once');
is($after->{starts} - $before->{starts}, CLIENTS, 'status: starts');
is($after->{given_up}, 0, 'status: given up');
cmp_ok($after->{segments}, '>', 0, 'status: segments');

undef @clients;

# cursors within the same range

$before = backfill();

my @spread = map { my $from = 4000 + 90 * $_;
	[$from, KafkaWS::Client->open($t->port(0), "/?cursor=0:$from,1:10")]
	} 0 .. 9;

is(scalar(grep { follow($_->[1], $_->[0], N) == N + 1 } @spread), 10,
	'overlapping ranges: all have everything');
cmp_ok(backfill()->{bytes} - $before->{bytes}, '<=', 1.1 * 1000 * 1005,
	'overlapping ranges: read once');

# other formats have no events, and the same records

for my $format (qw(text binary)) {
	$c = KafkaWS::Client->open($t->port(0), '/?cursor=0:4000,1:10',
		subprotocol => "kafka.$format.v1");

	my $n = 4000;

	while ($n <= N) {
		my $m = $c->next_message(10) or last;

		last if $m->{payload} !~ /^$n /;
		$n++;
	}

	is($n, N + 1, "$format: all of them, in order");
}

# bounds

my $floor = N + 1 - 1000;

($c, $start) = connect_with('/bounded?cursor=0:7,1:10');
is_deeply($start->{partitions}[0], { partition => 0, offset => $floor,
	state => 'gap' }, 'records=: start event');
is_deeply($c->next_json(10), { event => 'gap', partition => 0, from => 7,
	to => $floor - 1, reason => 'lapped' }, 'records=: gap event');
complete($c, $floor, N, 'records=');

($c, $start) = connect_with('/bounded');
is($start->{partitions}[0]{offset} . $start->{partitions}[0]{state},
	"${floor}backfilled", 'records=: no gap for a new client');

($c, $start) = connect_with('/age');
is($start->{partitions}[0]{offset}, N / 2, 'age=');
complete($c, N / 2, N, 'age=');

($c, $start) = connect_with('/off?cursor=0:7,1:10');
is($start->{partitions}[0]{state}, 'gap', 'off: gap');
cmp_ok($start->{partitions}[0]{offset}, '>', N - 100, 'off: what is held');

$c = KafkaWS::Client->open($t->port(0), '/close?cursor=0:7,1:10');
is(join(' ', $c->wait_close(10)), '4410 position no longer held',
	'beyond the bounds with kafka_ws_gap close');

($c, $start) = connect_with("/close?cursor=0:4500,1:10");
is($start->{partitions}[0]{state}, 'backfilled', 'within them: no gap');

# by time

my ($sec, $min, $hour, $day, $mon, $year) = gmtime(time() - 3600);
my $rfc = sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $year + 1900, $mon + 1,
	$day, $hour, $min, $sec;

for my $since ('1h', $now - 3_600_000, $rfc) {
	($c, $start) = connect_with("/since?since=since=$since");
	is($start->{partitions}[0]{offset} . $start->{partitions}[0]{state},
		N / 2 . 'backfilled', "since=$since");
}

complete($c, N / 2, N, 'by time');

($c, $start) = connect_with('/since?since=since=1s');
is_deeply($start->{partitions}[0], { partition => 0, offset => N + 1,
	state => 'start' }, 'since=1s: nothing is that young');

# what Kafka has no more

($c, $start) = connect_with('/deleted?cursor=0:5');
is_deeply($start->{partitions}, [{ partition => 0, offset => 20,
	state => 'gap' }], 'retention: start event');
is_deeply($c->next_json(10), { event => 'gap', partition => 0, from => 5,
	to => 19, reason => 'retention' }, 'retention: gap event');
complete($c, 20, 299, 'retention');

# a hole is no gap

($c, $start) = connect_with('/holes');

my @values = map { $_->{value} =~ /^(\d+)/ } $c->records(200, 20);

is_deeply(\@values, [map { ($_) x 10 } grep { $_ % 3 != 1 } 0 .. 29],
	'holes: what was committed');
is(scalar $c->events, 0, 'holes: no gap');

# neither is a hole where the ring begins: each cursor there is

for my $at (map { 300 + $_ } 0 .. 5) {
	($c, $start) = connect_with("/holes?cursor=0:$at");

	isnt($start->{partitions}[0]{state}, 'gap', "cursor $at: no gap");
}

# a record that is too large is announced where it was

($c, $start) = connect_with('/large');

my @got = map { $_->{offset} } $c->records(298, 20);

is_deeply(\@got, [0 .. 49, 52 .. 299], 'too large: all others');
is_deeply([map { "$_->{from} $_->{to} $_->{reason}" } $c->events],
	['50 50 too-large', '51 51 too-large'], 'too large: announced');

###############################################################################

sub backfill { return $t->status()->{clusters}[0]{backfill} }

sub connect_with {
	my ($uri) = @_;
	my $client = KafkaWS::Client->open($t->port(0), $uri);

	return ($client, $client->next_json(20));
}

# partition 0 by value; returns: where it ends
sub follow {
	my ($client, $from, $to) = @_;
	my $next = $from;

	while ($next <= $to) {
		my $r = $client->next_record(20) or last;

		next if $r->{partition};

		last if $r->{offset} != $next || $r->{value} !~ /^$next /;
		$next++;
	}

	return $next;
}

# partition 0 has exactly these, and nothing else came
sub complete {
	my ($client, $from, $to, $name) = @_;

	$client->{inbox} = [grep { ($_->{event} // '') ne 'gap' }
		@{ $client->{inbox} }];

	is(follow($client, $from, $to), $to + 1,
		"$name: all of them, in order");
}
