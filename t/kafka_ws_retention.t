#!/usr/bin/perl

# Records that Kafka deletes before they were read: the gap is told to those
# who are there, and counted.

# brokers: kafka

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('retention'), partitions => 2);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(13);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $topic;
        zone     c 32m;
        property fetch.wait.max.ms 100;
    }

    kafka_ws_format  json text;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location /close {
            kafka_ws      c;
            kafka_ws_gap  close;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

# the first one has no start event: it begins before those behind it
my $text = KafkaWS::Client->open($t->port(0), '/',
	subprotocol => 'kafka.text.v1');
my ($c, $closed) = map { KafkaWS::Client->open($t->port(0), $_) }
	'/', '/close';

$_->wait_event('start', 10) or die "no start event\n" for $c, $closed;

$b->produce($topic, map { { value => "read $_" } } 0 .. 9);
is(seen($c, 10), join(', ', map { "$_ read $_" } 0 .. 9), 'records before');

# the helper sleeps while 20 records come and 15 of them go

my $helper = $t->helper_pid;

kill 'STOP', $helper;

# one may still answer the question that it has asked last, which Kafka answers
# within 100 ms, or behind its answer to us: those that follow must not be in it
$b->produce($topic, 'new 10');
sleep 1;
$b->produce($topic, (map { { value => "new $_" } } 11 .. 29),
	{ partition => 1, value => 'beside' });
$b->delete_records($topic, 0, 25);
kill 'CONT', $helper;

my $gap = $c->wait_event('gap', 20);
my $from = $gap->{from} == 11 ? 11 : 10;

is_deeply($gap, { event => 'gap', partition => 0, from => $from, to => 24,
	reason => 'retention' }, 'gap event');

my %got;

push @{ $got{ $_->{partition} } }, $_->{value} for $c->records($from - 4, 10);

is_deeply($got{0}, [map { "new $_" } (10) x ($from - 10), 25 .. 29],
	'records behind it');
is_deeply($got{1}, ['beside'], 'record of the other partition');
is($c->cursor, '0:30,1:1', 'cursor behind all');

$closed->records($from, 10);
is(($closed->wait_close(10))[0], 4410, 'kafka_ws_gap close');
$text->next_message(10) for 1 .. $from;
is(($text->wait_close(10))[0], 4410, 'text');

my $status = $t->status()->{clusters}[0];
my $known = $status->{topics}[0]{partitions}[0];

is($known->{lost}, 25 - $from, 'status: lost');
is($known->{log_start}, 25, 'status: start of the log');
is($known->{oldest}, 0, 'status: what is held is held');

# what the ring has is served, also if Kafka has it no more

my $again = KafkaWS::Client->open($t->port(0), '/?cursor=0:8,1:0');

is_deeply($again->wait_event('start', 10)->{partitions}, [
	{ partition => 0, offset => 8, state => 'resumed' },
	{ partition => 1, offset => 0, state => 'resumed' },
], 'resume before the gap');
is($again->wait_event('gap', 10)->{from}, $from, 'the gap is told again');

ok($t->wait_log(qr/\[warn\].*offsets $from to 24 were deleted before they/),
	'log line');

###############################################################################

sub seen {
	my ($client, $count) = @_;

	return join ', ', map { "$_->{offset} $_->{value}" }
		$client->records($count, 10);
}

###############################################################################
