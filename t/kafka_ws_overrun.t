#!/usr/bin/perl

# A worker that was held up while the ring was lapped: all its clients are
# told of the gap, once, and go on behind it.

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
my $topic = $b->create_topic($b->topic('overrun'), partitions => 2);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(17);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        ring      64k;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_format  json text;

    server {
        listen  127.0.0.1:%%PORT_0%% reuseport;

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

my ($worker, $other) = $t->worker_pids();
my $closed = open_on($worker, '/close');
my $text = open_on($worker, '/', subprotocol => 'kafka.text.v1');
my @clients = map { open_on($worker, '/') } 1 .. 3;
my $witness = open_on($other, '/');

$_->wait_event('start', 10) or die "no start event\n"
	for $closed, @clients, $witness;

$b->produce($topic, 'before');

is($_->next_record(10)->{value}, 'before', 'record before')
	for @clients, $witness;

kill 'STOP', $worker;
$b->produce($topic, map({ { value => "$_ " . 'x' x 1000 } } 1 .. 300),
	map { { partition => 1, value => $_ } } 1 .. 5);

# the ring has all of it once the other worker has

while ($witness->cursor ne '0:301,1:5') {
	$witness->next_json(10) or last;
}

is($witness->cursor, '0:301,1:5', 'the other worker goes on');
kill 'CONT', $worker;

my @gaps = map { $_->wait_event('gap', 10) } @clients;
my $to = $gaps[0]{to};

cmp_ok($to, '>', 200, 'a long gap');

is_deeply($_, { event => 'gap', partition => 0, from => 1, to => $to,
	reason => 'lapped' }, 'gap event') for @gaps;

for my $c (@clients) {
	my (%got, @records);

	@records = $c->records(300 - $to + 5, 10);
	push @{ $got{ $_->{partition} } }, $_->{offset} for @records;

	is_deeply(\%got, { 0 => [$to + 1 .. 300], 1 => [0 .. 4] },
		'records behind it, and those of the other partition');
}

is(($closed->wait_close(10))[0], 4410, 'kafka_ws_gap close');
is(($text->wait_close(10))[0], 4410, 'text cannot tell');

my $status = $t->status()->{clusters}[0];

cmp_ok($status->{gaps}, '>=', 5, 'status: gaps');
cmp_ok($status->{lapped}, '>=', 1, 'status: lapped');

ok($t->wait_log(qr/\[warn\].*worker was overrun in topic "$topic" partition 0/),
	'log line');

###############################################################################

# a client whose connection this worker has
sub open_on {
	my ($pid, $uri, %opt) = @_;

	for (1 .. 100) {
		my $c = KafkaWS::Client->open($t->port(0), $uri, %opt);

		return $c if has_connection($pid, $c);
		$c->disconnect();
	}

	die "no connection to worker $pid\n";
}

sub has_connection {
	my ($pid, $c) = @_;
	my $pair = sprintf ':%04X [0-9A-F]+:%04X', $t->port(0),
		$c->socket->sockport;
	my ($inode) = KafkaWS::Nginx::read_file('/proc/net/tcp')
		=~ /$pair 01 (?:\S+ +){5}(\d+)/ or die "no connection\n";

	return grep { (readlink // '') eq "socket:[$inode]" }
		glob "/proc/$pid/fd/*";
}

###############################################################################
