#!/usr/bin/perl

# A broker that answers with errors: those that pass are absorbed, of those
# that stay a line names topic and cause, and one says when they were over.

# brokers: mock

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

# Kafka's numbers of requests

use constant { FETCH => 1, LIST_OFFSETS => 2 };

use constant { TIME => 20, CLIENTS => 2, PARTITIONS => 2,
	MANY => 1000 };

# What Kafka calls retriable, what it may answer besides, and two that no
# librdkafka 2.0.2 knows; -195 cuts the connection

my @pass = (2, 3, 5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 56, 70, 71, 72, 74, 75,
	77, 78, 83, 89, 100, 106, -195);

# those that stay: what Kafka says, and the number

my @stay = (
	['Topic authorization failed', 29],
	['API version not supported', 35],
);

my $b = KafkaWS::Broker->new(own => 1);
my $topic = $b->create_topic($b->topic('errors'), partitions => PARTITIONS);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(23
	+ KafkaWS::Neighbour::CHECKS);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_ping  300ms timeout=5m;

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

@{[ KafkaWS::Neighbour->locations ]}
    }

@{[ KafkaWS::Neighbour->server ]}
}

EOT

###############################################################################

# where logs begin and end is asked for at the start

$b->error(LIST_OFFSETS, $_, 2) for @pass[0 .. 5];

my $since = now();

$t->run();

my $near = KafkaWS::Neighbour->start($t);
my $flow = start();

cmp_ok(now() - $since, '<', within(TIME),
	'streams begin after errors about the ends of logs');

my $bulk = $b->bulk_start($topic, run => 'errors', rate => 200, size => 100,
	partitions => PARTITIONS, seconds => 240);

is($flow->read(50), 50, 'flow');
$near->quiet();

# errors of fetches that stay, for a while

for my $case (@stay) {
	my ($cause, $code) = @$case;
	my $pings = ($flow->clients())[0]{pings};
	my $line = qr/\[warn\] .* topic "$topic" partition \d: .*\Q$cause/;

	$b->error(FETCH, $code, MANY);
	ok($t->wait_log($line, TIME), "$cause: a line with topic and cause");
	ok(wait_for(TIME, sub { (broker()->{error} // '')
		=~ /topic "$topic" partition \d: .*\Q$cause/ }),
		"$cause: in the status");
	$flow->read(1e9, 3);
	cmp_ok(($flow->clients())[0]->wait_pings($pings + 2, TIME), '>=',
		$pings + 2, "$cause: pings go on");
	is_deeply([$flow->lost()], [], "$cause: clients stay");
	is(lines($line), 1, "$cause: one line");

	$b->clear_errors(FETCH);
	is($flow->read(100), 100, "$cause: flow after it");
	ok(wait_for(TIME, sub {
		lines(qr/all partitions are fetched again after [1-9]\d{3,} ms/)
		== 1 + ($code == 35) }), "$cause: a line when it is over");
	ok(wait_for(TIME, sub { !defined broker()->{error} }),
		"$cause: no error in the status");
	$near->quiet();
}

# those that pass, a few of each; some are not even errors of a fetch

$flow->read(1e9, 0.5);

for my $code (@pass, -1, 1, 10, 17, 30, 31, 42, 58, 87) {
	$b->error(FETCH, $code, 3);
	next if $flow->read(20) == 20;
	diag("no flow after $code");
	last;
}

is($flow->read(200), 200, 'flow after each error that passes');
is_deeply([$flow->lost()], [], 'no connection was lost');
ok(wait_for(TIME, sub { broker()->{state} eq 'up' }), 'state in status');

$near->finish();

is($flow->finish($bulk->stop()->{acked}), CLIENTS,
	'every record, once, in order');
is(status()->{gaps} + status()->{lapped}, 0, 'no gaps');

###############################################################################

# the topics are known once no error about offsets is left
sub start {
	my $flow;

	wait_for(TIME, sub {
		$flow = eval { KafkaWS::Flow->new($t, clients => CLIENTS) } })
		or die "no stream: $@\n" . $t->log();

	return $flow;
}

sub lines {
	my ($pattern) = @_;

	return scalar grep { $_ =~ $pattern } split /\n/, $t->log();
}

sub broker { return status()->{broker} }
sub status { return $t->status()->{clusters}[0] }

###############################################################################
