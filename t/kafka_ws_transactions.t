#!/usr/bin/perl

# Transactions: what was aborted is never seen, and the holes that they leave
# in the offsets are no gaps.

# brokers: kafka

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;
use KafkaWS::Process qw(wait_for);

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('txn'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(27);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    # two hosts, as it were

    kafka_ws_cluster a {
        brokers  %%BROKERS%%;
        topics   $topic;
        zone     a 16m;
    }

    kafka_ws_cluster b {
        brokers  %%BROKERS%%;
        topics   $topic;
        zone     b 16m;
        preload  off;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws        a;
            kafka_ws_start  earliest;
        }

        location /b {
            kafka_ws  b;
        }
    }
}

EOT

###############################################################################

# each transaction ends with a marker that takes an offset

my @offsets = ($b->txn_commit($topic, 'one', 'two'));

$b->txn_abort($topic, 'never', 'never');
push @offsets, $b->txn_commit($topic, 'three');
$b->txn_abort($topic, 'never');

# the last marker is written after the answer to the abort

my $end;

wait_for(30, sub { ($end = $b->watermarks($topic)->{0}[1]) == 10 });

is("@offsets $end", '0 1 6 10', 'offsets with holes');

$t->run();

my $c = KafkaWS::Client->open($t->port(0), '/');
my $other = KafkaWS::Client->open($t->port(0), '/b');

is(entry($other), "$end start", 'start at the end of the log');
is(entry($c), '0 start', 'start at its beginning');
is(seen($c, 3), '0 one, 1 two, 6 three', 'loaded: committed records');

# live

push @offsets, $b->txn_commit($topic, 'four');
$b->txn_abort($topic, ('never') x 100);
push @offsets, $b->produce($topic, 'five');
$b->txn_abort($topic, 'never');
push @offsets, $b->txn_commit($topic, 'six', 'seven');

my $live = "$offsets[3] four, $offsets[4] five, $offsets[5] six, "
	. "$offsets[6] seven";

is(seen($c, 4), $live, 'live: committed records');
is(seen($other, 4), $live, 'live: on the other host');

# what is open is not seen, nor what stands behind it, until it is closed

$b->txn_begin();

my ($open) = $b->txn_produce($topic, 'open');
my $behind = $b->produce($topic, 'behind');

is(scalar $c->records(1, 1), 0, 'nothing of an open transaction');
$b->txn_end('commit');
is(seen($c, 2), "$open open, $behind behind", 'all of it at once');

$b->txn_begin();
$b->txn_produce($topic, 'never');
$behind = $b->produce($topic, 'behind aborted');
$b->txn_end('abort');
is(seen($c, 1), "$behind behind aborted", 'aborted: what is behind');

push @offsets, $open, $open + 1, $behind;

is(join(' ', map { $_->{event} } $c->events), '', 'no gap on any of it');

# a resume at any record's end finds the next one, and no gap

my @all = @offsets;

for my $i (0 .. $#all) {
	my $from = $all[$i] + 1;
	my $again = KafkaWS::Client->open($t->port(0), "/?cursor=0:$from");
	my $state = entry($again);
	my $next = $all[$i + 1];

	if (defined $next) {
		$state .= ' ' . $again->next_record(10)->{offset};
		is($state, "$from resumed $next", "resume at $from");

	} else {
		is($state, "$from resumed", "resume at $from, the end");
	}
}

# inside a hole

my $hole = KafkaWS::Client->open($t->port(0), '/?cursor=0:4');

is(entry($hole) . ', ' . seen($hole, 1), '4 resumed, 6 three',
	'resume inside a hole');
is(join(' ', map { $_->{event} } $hole->events), '', 'no gap there');

# a cursor behind a marker that ends the log, from a host that began there

$b->txn_commit($topic, 'last');
seen($c, 1);
$end = $b->watermarks($topic)->{0}[1];

my $state;

# where the log ends is known when a fetch finds nothing more; until then the
# cursor may be that of another log

wait_for(10, sub {
	$other = KafkaWS::Client->open($t->port(0), "/?cursor=0:$end");
	$state = entry($other);

	return $state eq "$end resumed";
});

is($state, "$end resumed", 'resume behind the last marker');
is(entry(KafkaWS::Client->open($t->port(0), '/b?cursor=0:'
	. ($end + 1))), ($end - 1) . ' reset', 'one further is a reset');

my $new = $b->produce($topic, 'new');

is(seen($other, 1), "$new new", 'and the record behind it');

# aborted transactions in a row leave nothing but markers

$b->txn_abort($topic, 'never') for 1 .. 3;
$b->txn_commit($topic, 'found');
is(seen($c, 2), "$new new, " . ($new + 7) . ' found',
	'a record behind nothing but aborts');
is(join(' ', map { $_->{event} } $c->events, $other->events), '',
	'and no event');

###############################################################################

# offset and state of the start event
sub entry {
	my ($client) = @_;
	my $start = $client->wait_event('start', 10) or return 'none';

	return join ' ', @{ $start->{partitions}[0] }{qw(offset state)};
}

sub seen {
	my ($client, $count) = @_;

	return join ', ', map { "$_->{offset} $_->{value}" }
		$client->records($count, 10);
}

###############################################################################
