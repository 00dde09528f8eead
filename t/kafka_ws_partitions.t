#!/usr/bin/perl

# Partitions: each in its own order, all side by side, and lists of them.

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
my $topic = $b->create_topic($b->topic('partitions'), partitions => 4);

my @refused = (
	# list, status, text
	['9', 404, 'the topic has no such partition'],
	['4-9', 404, 'the topic has no such partition'],
	['', 400, 'partitions: empty partition list at byte 0'],
	['x', 400, 'partitions: unexpected character at byte 0'],
	['0,', 400, 'partitions: partition missing at byte 2'],
	['0,,1', 400, 'partitions: partition missing at byte 2'],
	['3-1', 400, 'partitions: range from high to low at byte 0'],
	['01', 400, 'partitions: partition with leading zero at byte 0'],
	['-1', 400, 'partitions: unexpected character at byte 0'],
	['0 ', 400, 'partitions: unexpected character at byte 1'],
	['ALL', 400, 'partitions: unexpected character at byte 0'],
	['1,2147483648', 400,
		'partitions: partition above 2147483647 at byte 2'],
);

my @lists = (
	# list, the partitions it means
	['all', [0 .. 3]],
	['0-3', [0 .. 3]],
	['3', [3]],
	['2,0', [0, 2]],
	['1,1,1', [1]],
	['0-1,1-2', [0 .. 2]],
	['2-99', [2, 3]],
	['3,2147483647', [3]],
);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(7 + 2 * @refused + @lists);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

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
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location /list {
            kafka_ws            c;
            kafka_ws_partition  0,2-3;
        }

        location ~ ^/of/(?<list>.*) {
            kafka_ws            c;
            kafka_ws_partition  \$list;
        }
    }
}

EOT

###############################################################################

my $all = KafkaWS::Client->open($t->port(0), '/');
my $some = KafkaWS::Client->open($t->port(0), '/list');

is(partitions($all), '0 1 2 3', 'start event of all partitions');
is(partitions($some), '0 2 3', 'start event of a list');

# 100 records for each, mixed

my @records = map { my $seq = $_; map { { partition => $_,
	value => "$_/$seq" } } 0 .. 3 } 0 .. 99;

$b->produce($topic, @records);

my %got;

push @{ $got{ $_->{partition} } }, "$_->{offset} $_->{value}"
	for $all->records(400, 20);

is_deeply(\%got, { map { my $p = $_; $p => [map { "$_ $p/$_" } 0 .. 99] }
	0 .. 3 }, 'each partition whole and in its order');

# one by one they come in the order they were made, whatever the partition

my @order;

for my $p (3, 0, 2, 1, 0, 3, 3, 1) {
	$b->produce($topic, { partition => $p, value => 'one' });

	my $r = $all->next_record(10);

	push @order, $r ? $r->{partition} : 'none';
}

is("@order", '3 0 2 1 0 3 3 1', 'no partition waits for another');

my @mine = $some->records(306, 10);

is(scalar @mine, 306, 'records of the list');
is(join(' ', sort keys %{{ map { $_->{partition} => 1 } @mine }}), '0 2 3',
	'of no other partition');

# what the list leaves out does not come behind either

$b->produce($topic, { partition => 1, value => 'not for the list' },
	{ partition => 3, value => 'last' });

is($some->next_record(10)->{value}, 'last', 'partition left out');

# lists of a variable

for my $case (@lists) {
	my ($list, $partitions) = @$case;
	my $c = KafkaWS::Client->open($t->port(0), "/of/$list");

	is(partitions($c), "@$partitions", "list \"$list\"");
}

for my $case (@refused) {
	my ($list, $status, $text) = @$case;
	my $uri = $list =~ s/ /%20/gr;
	my $r = KafkaWS::Client->connect($t->port(0), "/of/$uri");

	is($r->status, $status, "list \"$list\": status");
	like($r->body, qr/\Q$text\E$/, "list \"$list\": text");
}

###############################################################################

# of the start event
sub partitions {
	my ($c) = @_;
	my $start = $c->wait_event('start', 10);

	return join ' ', map { $_->{partition} } @{ $start->{partitions} };
}

###############################################################################
