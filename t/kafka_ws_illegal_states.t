#!/usr/bin/perl

# Illegal frames in every state of a connection: with the request, on a busy
# stream, within a message, behind half a frame, to a client that does not
# read, and behind a Close or a fault of either side, where they are ignored.

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

use constant {
	TIME => 10,
	CONT => 0, TEXT => 1, BINARY => 2, CLOSE => 8, PING => 9,
};

my %illegal = (
	'no mask' => [1002, frame(PING, 'a', masked => 0)],
	'reserved bit' => [1002, frame(PING, 'a', rsv => 4)],
	'opcode' => [1002, frame(3, 'a')],
	'opcode of control' => [1002, frame(15, 'a')],
	'length not minimal' => [1002, frame(PING, 'a', length_bytes => 2)],
	'length of 2^63' => [1002, pack('CC Q> a4', 0x82, 0xff, 1 << 63,
		'mask')],
	'ping too long' => [1002, frame(PING, 'a' x 126)],
	'ping in fragments' => [1002, frame(PING, 'a', fin => 0)],
	'close of a byte' => [1002, frame(CLOSE, 'a')],
	'close code' => [1002, frame(CLOSE, pack 'n', 999)],
	'reason not UTF-8' => [1007, frame(CLOSE, pack('n', 1000) . "\xff")],
);

# these depend on what was before
my %alone = (
	%illegal,
	'continuation' => [1002, frame(CONT, 'a')],
	'text not UTF-8' => [1007, frame(TEXT, "\xff")],
	'data' => [1003, frame(TEXT, 'a')],
	'too long' => [1009, frame(BINARY, 'a' x 5000)],
);

my %in_message = (
	%illegal,
	'message in a message' => [1002, frame(TEXT, 'a')],
	'end of the message' => [1003, frame(CONT, 'a')],
	'text not UTF-8' => [1007, frame(CONT, "\xff")],
	'too long' => [1009, frame(CONT, 'a' x 4096)],
);

# name, frames, what the client does before them, its options
my @states = (
	['with the request', \%alone, undef, 'early'],
	['before the start event is read', \%alone],
	['streaming', \%alone, sub { $_[0]->records(3, TIME) }],
	['behind a ping', \%alone, sub { $_[0]->ping('a' x 125) }],
	['in a message', \%in_message, sub { $_[0]->send_frame(TEXT, 'b',
		fin => 0) }],
	['in a message, behind a ping', \%in_message, sub {
		$_[0]->send_frame(TEXT, 'b', fin => 0);
		$_[0]->ping('c');
	}],
	['while the socket is full', \%alone, undef, 'full'],
);

# what was said before wins
my @over = (
	['behind a Close', 4000, sub { $_[0]->close(4000) }],
	['behind a fault', 1003, sub { $_[0]->send_text('a') }],
	['behind the Close of a ping timeout', 1011, sub {
		my ($c) = @_;

		$c->{auto_close} = 0;
		$c->wait_close(TIME);
	}, '/ping'],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('states'));
my $big = $b->create_topic($b->topic('big'));

my $cases = 0;

$cases += keys %{ $_->[1] } for @states;
$cases += keys %alone for @over;

my $t = KafkaWS::Nginx->new(broker => $b)->plan($cases + 4);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  1;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic $big;
        zone      c 64m;
        ring      8m;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_topic  $topic;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location /big {
            kafka_ws        c;
            kafka_ws_topic  $big;
            kafka_ws_start  earliest;
            kafka_ws_slow   close lag=60s buffer=8k;
        }

        location /ping {
            kafka_ws       c;
            kafka_ws_ping  100ms timeout=100ms;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

$b->produce($big, map { 'x' x 30_000 } 1 .. 50);

my $stream = KafkaWS::Client->open($t->port(0), '/');

$stream->wait_event('start', TIME);

my ($worker) = $t->worker_pids();
my $bulk = $b->bulk_start($topic, run => 'states', rate => 200,
	seconds => 150);

###############################################################################

for my $state (@states) {
	my ($name, $frames, $before, $how) = @$state;

	$how //= '';

	my %c;

	for my $kind (sort keys %$frames) {
		$c{$kind} = KafkaWS::Client->open($t->port(0),
			$how eq 'full' ? '/big' : '/', $how eq 'early'
			? (early => $frames->{$kind}[1]) : (),
			$how eq 'full' ? (rcvbuf => 131072) : ());
	}

	# until they are all full
	sleep 1 if $how eq 'full';

	# a full one has 5 s to take the Close
	for my $kind (sort keys %c) {
		my ($code, $bytes) = @{ $frames->{$kind} };

		$before->($c{$kind}) if $before;
		$c{$kind}->raw_write($bytes) unless $how eq 'early';

		verdict("$name: $kind", $c{$kind}, $code);
	}
}

for my $state (@over) {
	my ($name, $code, $before, $uri) = @$state;

	for my $kind (sort keys %alone) {
		my $c = KafkaWS::Client->open($t->port(0), $uri // '/',
			auto_pong => !$uri);

		$before->($c);
		$c->raw_write($alone{$kind}[1]);
		verdict("$name: $kind", $c, $code);
	}
}

###############################################################################

my $sent = $bulk->stop();

is(scalar($stream->records($sent->{acked}, TIME)), $sent->{acked},
	'the stream beside them has every record');
ok(!$stream->{close}, 'and goes on');
ok(wait_for(TIME, sub { $t->status()->{clusters}[0]{connections} == 1 }),
	'all of them are gone');
is(($t->worker_pids())[0], $worker, 'the worker');

###############################################################################

# one Close, with the code, and an end in order
sub verdict {
	my ($name, $c, $code) = @_;
	my ($got) = eval { $c->wait_close(TIME) };
	my $error = $@;
	my $end = eval { $c->wait_eof(TIME) };

	# the stream beside them is no slow one, however long all this takes
	$stream->until(now() + 0.005, sub { 0 });

	is(($got // 'none') . ' ' . ($end // 'no end'), "$code fin", $name)
		or diag($error, $@);
}

sub frame { return KafkaWS::WebSocket::frame(@_) }

###############################################################################
