#!/usr/bin/perl

# Frames that come with the request, and clients that go at any moment.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

use constant { TIME => 10, TEXT => 1, CLOSE => 8, PING => 9 };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('early'), partitions => 2);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(12);

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
        zone      c 16m;
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
    }
}

EOT

###############################################################################

my $c = KafkaWS::Client->open($t->port(0), '/');

$c->wait_event('start', TIME);

my ($pid) = $t->worker_pids();
my $request = KafkaWS::WebSocket::request({ uri => '/',
	key => 'dGhlIHNhbXBsZSBub25jZQ==' });

# in one packet with the request

my $new = with(frame(PING, 'early'));

is($new->wait_pong(TIME), 'early', 'ping');
ok($new->wait_event('start', TIME), 'start event beside it');

$new = with(frame(PING, 'a') . frame(CLOSE, pack 'n', 3333),
	auto_close => 0);
is(($new->wait_close(TIME))[0], 3333, 'close');
is($new->wait_eof(TIME), 'fin', 'end');

$new = with(frame(TEXT, 'a', masked => 0));
is(($new->wait_close(TIME))[0], 1002, 'illegal frame');

# half of a frame, the rest later

my $ping = frame(PING, 'in two');

$new = with(substr $ping, 0, 5);
$new->raw_write(substr $ping, 5);
is($new->wait_pong(TIME), 'in two', 'ping in two');
$new->disconnect();

# more than nginx's buffer for the request holds

$new = with(join '', map { frame(PING, 'x' x 100) } 1 .. 100);
is($new->wait_pong(TIME), 'x' x 100, 'pings of many packets');
$new->disconnect();

# gone at any byte of the request and behind it, while records flow

my $bulk = $b->bulk_start($topic, rate => 500, partitions => 2,
	seconds => 60);
my $whole = $request . frame(PING, 'p') . frame(CLOSE, pack 'n', 1000);

for my $i (0 .. 299) {
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $t->port(0)) or die "connect: $!\n";
	my $at = $i % 3 ? length $request : $i * length($whole) / 300;

	syswrite $s, substr $whole, 0, $at;
	select undef, undef, undef, 0.001 * ($i % 7);
	setsockopt $s, Socket::SOL_SOCKET, Socket::SO_LINGER, pack 'll', 1, 0
		if $i % 2;
	close $s;
}

is($c->records(200, TIME), 200, 'another one has its records');
$bulk->stop();
ok(wait_for(TIME, sub { connections() == 1 }), 'all of them are gone');
is_deeply([$t->worker_pids()], [$pid], 'the worker is the same');
unlike($t->log(), qr/\[(?:error|warn)\]/, 'no word of it in the log');

$new = KafkaWS::Client->open($t->port(0), '/');
$new->wait_event('start', TIME);
is(connections(), 2, 'and the next one comes');

###############################################################################

sub frame { return KafkaWS::WebSocket::frame(@_) }

sub with {
	my ($bytes, @more) = @_;

	return KafkaWS::Client->connect($t->port(0), '/',
		raw => $request . $bytes, @more);
}

sub connections { return $t->status()->{clusters}[0]{connections} }

###############################################################################
