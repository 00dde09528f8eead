#!/usr/bin/perl

# "ring ... idle=": a topic has rings as long as somebody wants it, and a while
# longer.  Who comes for it gets them at once, and nothing is lost meanwhile.

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
use KafkaWS::Pace qw(within unmeasured);

use constant { TIME => 15, IDLE => 2, TIMES => 5 };

my $kafka = KafkaWS::Broker->new();
my $base = $kafka->topic('idle');
my ($one, $two, $empty) = map { $kafka->create_topic("$base.$_",
	partitions => 2) } qw(one two empty);

# what is there before: the last 3 of 10 are preloaded
$kafka->produce($one, map { { partition => 0, value => "old$_" } } 0 .. 9);

# those by which it is timed, empty and with records
my $timed = $kafka->topic('timed');
my ($bare, $full) = map { my $name = $_; [map { $kafka->create_topic(
	"$timed.$name$_", partitions => 2) } 1 .. TIMES] } qw(bare full);

$kafka->produce($_, map { { partition => 0, value => "old$_" } } 0 .. 9)
	for @$full;

my $t = KafkaWS::Nginx->new(broker => $kafka)->plan(36);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    ~^$base\\.;
        zone      c 4m;
        ring      64k idle=@{[ IDLE ]}s;
        preload   records=3;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_cluster timed {
        brokers   %%BROKERS%%;
        topics    ~^$timed\\.;
        zone      timed 4m;
        ring      64k idle=1h;
        preload   records=3;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location ~ ^/(?<timed>$timed\\..*)\$ {
            kafka_ws        timed;
            kafka_ws_topic  \$timed;
            kafka_ws_start  \$arg_start;
        }

        location ~ ^/(?<topic>$base\\..*)\$ {
            kafka_ws        c;
            kafka_ws_topic  \$topic;
            kafka_ws_start  \$arg_start;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

# topics are known, none has a ring, nothing is fetched

ok(wait_for(TIME, sub { refused("$base.none") == 404 }),
	'a topic that there is not');

my $free = status()->{zone}{free};

is_deeply(status()->{rings}, { known => 3, made => 0, given_back => 0,
	evicted => 0 }, 'no rings');
is(states(), 'idle idle idle', 'states');

# nor for those who are refused

is(refused("$one?cursor=0:x"), 400, 'a bad cursor');
is(refused("$one?cursor=2:0"), 400, 'a cursor of another partition');
is(refused("$one?start=x"), 400, 'a bad start');
is_deeply([@{ status() }{qw(records batches)}, status()->{rings}{made}],
	[0, 0, 0], 'nothing is fetched');

# the first who wants one gets it at once

my ($new, $start) = started($empty, 'start=latest');

is_deeply($start->{partitions}, [map { { partition => $_, offset => 0,
	state => 'start' } } 0, 1], 'an empty topic: start');
$kafka->produce($empty, { partition => 1, value => 'first' });
is($new->next_record(TIME)->{value}, 'first', 'an empty topic: flows');

(my $c, $start) = started($one, 'start=latest');

is_deeply($start->{partitions}, [{ partition => 0, offset => 10,
	state => 'start' }, { partition => 1, offset => 0,
	state => 'start' }], 'with records: starts at the end');

# the median: a machine that stands still for a moment spoils one of them

ok(wait_for(TIME, sub { refused("$timed.none") == 404 }),
	'those by which it is timed are known');

SKIP: {
	unmeasured(2);

	my ($ms, $more) = map { median_of(@$_) } $bare, $full;

	cmp_ok($ms, '<', 500, sprintf 'an empty topic: %d ms to the start',
		$ms);
	cmp_ok($more, '<', 700, sprintf 'with records: %d ms', $more);
}

my ($tail, $begin) = started($one, 'start=tail=100');

is($begin->{partitions}[0]{offset}, 7, 'as much is there as is preloaded');
is(values_of($tail, 3), 'old7 old8 old9', 'which comes');
$tail->disconnect();

$kafka->produce($one, { partition => 0, value => 'new' });
is($c->next_record(TIME)->{value}, 'new', 'and then what is new');

is(status()->{rings}{made}, 2, 'rings of two topics');
is(states(), 'ok ok idle', 'states');

# given back after that time, not before, and only without subscribers

my $left = now();

$new->disconnect();
ok(wait_for(IDLE + TIME, sub { status()->{rings}{given_back} }),
	'rings are given back');
cmp_ok(now() - $left, '>=', IDLE, 'not before the time');
is(states(), 'idle ok idle', 'states');

select undef, undef, undef, 2 * IDLE;

is(states(), 'idle ok idle', 'with a subscriber they stay');
is(status()->{rings}{given_back}, 1, 'one topic');
$kafka->produce($one, { partition => 1, value => 'still' });
is($c->next_record(TIME)->{value}, 'still', 'and flow');

# whoever comes back in time finds all as it was; a machine that stood still for
# so long tries again

my ($cursor, $given, @while);

for my $try (1 .. 5) {
	my $away = now();

	$cursor = $c->cursor;
	$given = status()->{rings}{given_back};
	push @while, map { "while $try/$_" } 1 .. 5;
	$c->disconnect();
	$kafka->produce($one, map { { partition => 0, value => $_ } }
		@while[-5 .. -1]);
	($c, $start) = started($one, "cursor=$cursor");
	last if now() - $away < IDLE || $try == 5;
	$c->records($start->{partitions}[0]{state} eq 'gap' ? 3 : 5, TIME);
}

is($start->{partitions}[0]{state}, 'resumed', 'back in time');
is(values_of($c, 5), join(' ', @while[-5 .. -1]), 'back in time: all');
is(status()->{rings}{given_back}, $given, 'back in time: the same rings');

# and later

$cursor = $c->cursor;
$c->disconnect();
ok(wait_for(IDLE + TIME, sub { status()->{rings}{made} == 0 }),
	'no rings again');
ok(wait_for(TIME, sub { status()->{zone}{free} == $free }),
	'their memory is free again');

my $records = status()->{records};

$kafka->produce($one, map { { partition => 0, value => "away$_" } } 1 .. 20);
is(status()->{records}, $records, 'nothing is fetched');

($c, $start) = started($one, "cursor=$cursor");
$kafka->produce($one, { partition => 0, value => 'live' });

# the mock does not know times, so that there are no older records

if ($kafka->has('times')) {
	is($start->{partitions}[0]{state}, 'backfilled', 'much later: state');
	is(values_of($c, 21), join(' ', map({ "away$_" } 1 .. 20), 'live'),
		'much later: all');
	is(join(' ', map { $_->{event} } $c->events), '', 'and no gap');

} else {
	is($start->{partitions}[0]{state}, 'gap', 'much later: state');
	is(values_of($c, 4), 'away18 away19 away20 live', 'much later: what '
		. 'is preloaded');
	is_deeply([map { @$_{qw(event from to reason)} } $c->events],
		['gap', 11 + @while, 27 + @while, 'lapped'],
		'and the gap before it');
}

my ($all) = started($one, 'start=earliest');

if ($kafka->has('times')) {
	# between partitions there is no order

	my @all = $all->records(33 + @while, TIME);

	is(join(' ', map { $_->{value} } grep { $_->{partition} == 0 } @all),
		join(' ', map({ "old$_" } 0 .. 9), 'new', @while,
			map({ "away$_" } 1 .. 20), 'live'),
		'from the beginning');
	is(join(' ', map { $_->{value} } grep { $_->{partition} == 1 } @all),
		'still', 'the other partition, too');

} else {
	is(join(' ', sort split / /, values_of($all, 5)),
		'away18 away19 away20 live still', 'from the beginning');
	is($all->next_record(0.1), undef, 'and no more');
}

# one that nobody has asked for so far, from its beginning

$kafka->produce($two, map { { partition => $_ % 2, value => "t$_" } } 0 .. 3);
($c) = started($two, 'start=tail=9');
is(join(' ', sort split / /, values_of($c, 4)), 't0 t1 t2 t3',
	'another topic');

###############################################################################

sub status { return $t->status()->{clusters}[0] }

# of the topics by name
sub states {
	return join ' ', map { $_->{state} }
		sort { $a->{topic} cmp $b->{topic} } @{ status()->{topics} };
}

sub refused { return KafkaWS::Client->connect($t->port(0), "/$_[0]")->status }

# returns: the client, its start event, after how many ms
sub started {
	my ($topic, $args) = @_;
	my $since = now();
	my $c = KafkaWS::Client->open($t->port(0), "/$topic?$args");
	my $start = $c->wait_event('start', TIME) or die "no start event\n";

	return ($c, $start, (now() - $since) * 1000);
}

# of how long the first of each topic waits for its start
sub median_of {
	my @times = sort { $a <=> $b }
		map { (started($_, 'start=latest'))[2] } @_;

	return $times[$#times / 2];
}

sub values_of {
	my ($c, $n) = @_;

	return join ' ', map { $_->{value} } $c->records($n, TIME);
}

###############################################################################
