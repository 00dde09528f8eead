#!/usr/bin/perl

# A partition that stands still without an error: librdkafka retries some
# answers for ever and says nothing.  A line names it, the status, too, and
# one says when it was over.  No word on partitions that have nothing to give.

# brokers: kafka mock
# run: waits
# timeout: 600

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Flow;
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);

use constant { FETCH => 1, NOT_LEADER => 6, MANY => 1000 };

# STILL: longer than it takes to be told, and to be assigned anew

use constant { TIME => 20, CLIENTS => 2, PARTITIONS => 2,
	TOLD => 45, STILL => 30 };

my $b = KafkaWS::Broker->new(own => 1,
	nodes => ($ENV{TEST_KAFKA_WS_BROKER} // '') eq 'mock' ? 1 : 3);
my $mock = $b->kind eq 'mock';
my $topic = $b->create_topic($b->topic('flow'), partitions => PARTITIONS,
	replication => 1);

# empty; with a few records; one that ends within a transaction

my ($empty, $idle, $held) = map { $b->create_topic($b->topic($_)) }
	qw(empty idle held);

# with three nodes a new topic takes a moment to be known everywhere

wait_for(TIME, sub { eval { $b->produce($_, 'h1'); 1 } }) or die "no record\n"
	for $idle, $held;

my $t = KafkaWS::Nginx->new(broker => $b)->plan(15
	+ KafkaWS::Neighbour::CHECKS);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_ping  300ms timeout=5m;
    kafka_ws_slow  close lag=1h;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic $empty $idle $held;
        zone      c 64m;
        preload   records=10;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws        c;
            kafka_ws_topic  $topic;
        }

        location /held {
            kafka_ws        c;
            kafka_ws_topic  $held;
            kafka_ws_start  earliest;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }

@{[ KafkaWS::Neighbour->locations ]}
    }

@{[ KafkaWS::Neighbour->server ]}
}

EOT

###############################################################################

my $near = KafkaWS::Neighbour->start($t);
my $flow = KafkaWS::Flow->new($t, clients => CLIENTS);
my $held_by = KafkaWS::Client->open($t->port(0), '/held');

is(($held_by->records(1, TIME))[0]{value}, 'h1', 'a record to begin with');

my $bulk = $b->bulk_start($topic, run => 'silent', rate => 200, size => 100,
	partitions => PARTITIONS, seconds => 580);

is($flow->read(50), 50, 'flow');
$near->quiet();

# nothing to give: an open transaction at the end, then an aborted one

if (!$mock) {
	$b->txn_begin();
	$b->txn_produce($held, map { "open$_" } 1 .. 3);
}

through(STILL);

if (!$mock) {
	$b->txn_end('abort');
	through(STILL);
}

is(lines(qr/\[warn\]/), 0, 'no word on partitions that are quiet');
is(broker()->{error}, undef, 'and none in the status');
$b->produce($held, 'h2');
is(($held_by->records(1, TIME))[0]{value}, 'h2', 'which flow if there is more');

$near->quiet();

# answers that are retried without a word; a partition without a leader, while
# other nodes are up

my $line = line_of($topic);

if ($mock) {
	# some 40 are used a second
	$b->error(FETCH, NOT_LEADER, MANY) for 1 .. 10;
	stands();
	$b->clear_errors(FETCH);

} else {
	my $node = $b->leaders($topic)->{0};

	# what is told is the first that stands still, of those with this node
	$line = line_of(grep { grep { $_ == $node }
		values %{ $b->leaders($_) } } $topic, $empty, $idle, $held);

	$b->down($node, 'stop');
	stands();
	$b->up($node);
}

is($flow->read(100, 2 * TIME), 100, 'flow after it');
ok(wait_for(TIME, sub {
	lines(qr/all partitions are fetched again after \d{5,} ms/) == 1 }),
	'a line when it is over');
ok(wait_for(TIME, sub { !defined broker()->{error} }),
	'no error in the status');

is($flow->finish($bulk->stop()->{acked}), CLIENTS,
	'every record, once, in order');
is(status()->{gaps} + status()->{lapped}, 0, 'no gaps');

$near->finish();

###############################################################################

sub stands {
	my $since = now();

	ok(through(within(TOLD), sub { lines(qr/\[warn\] .* $line/) }),
		'stands still: a line with topic and partition');
	note(sprintf "told after %.1f s", now() - $since);
	like(broker()->{error}, $line,
		'stands still: in the status');
	is(broker()->{state}, 'up', 'stands still: the broker is up');

	# it is tried anew in this time
	through(STILL);
	is(lines(qr/nothing comes/), 1, 'stands still: one line');
	is_deeply([$flow->lost()], [], 'stands still: clients stay');
}

# all clients read on for so long, or until something is so
sub through {
	my ($seconds, $so) = @_;
	my $deadline = now() + $seconds;

	while (now() < $deadline) {
		return 1 if $so && $so->();
		$flow->read(1e9, 0.2);
	}

	return 0;
}

sub line_of {
	my $names = join '|', @_;

	return qr/topic "(?:$names)" partition \d: nothing comes/;
}

sub lines {
	my ($pattern) = @_;

	return scalar grep { $_ =~ $pattern } split /\n/, $t->log();
}

sub broker { return status()->{broker} }
sub status { return $t->status()->{clusters}[0] }

###############################################################################
