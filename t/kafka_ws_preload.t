#!/usr/bin/perl

# preload: what of a topic is there on a cold start.

# brokers: kafka

###############################################################################

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time);

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

###############################################################################

my $b = KafkaWS::Broker->new();

# 20 records of an hour ago, 20 of half an hour ago, 20 of now; another topic
# with 1,200 of now; one whose records are all old

my $now = int time() * 1000;
my $topic = $b->create_topic($b->topic('preload'), partitions => 2);
my $many = $b->create_topic($b->topic('many'));
my $old = $b->create_topic($b->topic('old'));

my @cases = (
	# preload, topic, the oldest record of partition 0
	[undef, $topic, 40],
	['records=10', $topic, 50],
	['records=30', $topic, 30],
	['records=1000', $topic, 0],
	['age=10m', $topic, 40],
	['age=45m', $topic, 20],
	['age=1d', $topic, 0],
	['records=5 age=45m', $topic, 55],
	['records=50 age=45m', $topic, 20],
	['age=45m records=50', $topic, 20],
	['off', $topic, 60],
	[undef, $many, 200],
	[undef, $old, 20],
	['age=1h', $old, 20],
	['records=3', $old, 17],
);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(4 * @cases);
my ($clusters, $locations) = ('', '');

for my $i (0 .. $#cases) {
	my ($preload, $name) = @{ $cases[$i] };

	$preload = defined $preload ? "preload $preload;" : '';
	$clusters .= "kafka_ws_cluster c$i { brokers %%BROKERS%%; "
		. "topics $name; zone c$i 8m; ring 1m; $preload }\n";
	$locations .= "location = /$i { kafka_ws c$i; "
		. "kafka_ws_start earliest; }\n"
		. "location = /tail/$i { kafka_ws c$i; "
		. "kafka_ws_start tail=2; }\n";
}

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_backfill  off;

    $clusters

    server {
        listen  127.0.0.1:%%PORT_0%%;

        $locations
    }
}

EOT

###############################################################################

my $minute = 60_000;

$b->produce($topic, records(20, $now - 60 * $minute),
	records(20, $now - 30 * $minute), records(20, $now));
$b->produce($many, records(1200, $now));
$b->produce($old, records(20, $now - 1500 * $minute));

my %end = ($topic => 60, $many => 1200, $old => 20);

$t->run();

for my $i (0 .. $#cases) {
	my ($preload, $name, $oldest) = @{ $cases[$i] };
	my $end = $end{$name};
	my $case = ($preload // 'default') . ($name eq $many ? ', many records'
		: $name eq $old ? ', old records' : '');

	my $c = KafkaWS::Client->open($t->port(0), "/$i");
	my $entry = $c->wait_event('start', 10)->{partitions}[0];

	is("$entry->{offset} $entry->{state}", "$oldest start",
		"$case: the oldest");
	is(join(' ', map { $_->{offset} } $c->records($end - $oldest, 10)),
		join(' ', $oldest .. $end - 1), "$case: the records");

	my $tail = $end - $oldest > 2 ? $end - 2 : $oldest;

	is(start_of("/tail/$i"), "$tail start", "$case: tail=2");

	# a cursor of what is not loaded: a gap, and not the history

	my $from = $oldest ? $oldest - 1 : 0;

	is(start_of("/$i?cursor=0:$from" . ($name eq $topic ? ',1:0' : '')),
		$oldest ? "$oldest gap" : '0 resumed', "$case: cursor");
}

###############################################################################

sub records {
	my ($count, $time) = @_;

	return map { { value => $_, timestamp => $time } } 1 .. $count;
}

# of partition 0
sub start_of {
	my ($uri) = @_;
	my $c = KafkaWS::Client->open($t->port(0), $uri);
	my $entry = $c->wait_event('start', 10)->{partitions}[0];

	return "$entry->{offset} $entry->{state}";
}

###############################################################################
