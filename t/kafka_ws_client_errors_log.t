#!/usr/bin/perl

# What a client gets wrong costs one line in the error log, at level info,
# with its address and what was wrong, whatever it does afterwards; and what
# is right costs none.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

use constant {
	TIME => 5,
	CONT => 0, TEXT => 1, BINARY => 2, CLOSE => 8, PING => 9,
	CRLF => "\x0d\x0a",
};

# what is sent on an open stream, and what the log says of it

my @frames = (
	['no mask', qr/1002: frame not masked/, frame(TEXT, 'a',
		masked => 0)],
	['reserved bits', qr/1002: /, frame(TEXT, 'a', rsv => 6)],
	['opcode', qr/1002: unknown opcode/, frame(3, 'a')],
	['opcode of control', qr/1002: unknown opcode/, frame(11, '')],
	['length not minimal', qr/1002: /, frame(TEXT, 'a', length_bytes => 8)],
	['length of 2^63', qr/1002: /, pack('CC Q>', 0x82, 0xff, 1 << 63)],
	['length of 2^63-1', qr/1009: /, pack('CC Q> a4', 0x82, 0xff,
		(1 << 63) - 1, 'mask')],
	['too long', qr/1009: /, frame(BINARY, 'a' x 4097)],
	['continuation of nothing', qr/1002: /, frame(CONT, 'a')],
	['message in a message', qr/1002: /, frame(TEXT, 'a', fin => 0)
		. frame(TEXT, 'b')],
	['fragments without end', qr/1008: /, frame(TEXT, 'a', fin => 0)
		. frame(CONT, 'b', fin => 0) x 2000],
	['empty fragments', qr/1008: /, frame(TEXT, 'a', fin => 0)
		. frame(CONT, '', fin => 0) x 2000],
	['ping in fragments', qr/1002: /, frame(PING, 'a', fin => 0)],
	['ping too long', qr/1002: /, frame(PING, 'a' x 126)],
	['close of a byte', qr/1002: /, frame(CLOSE, "\x03")],
	['close code', qr/1002: /, frame(CLOSE, pack 'n', 1005)],
	['reason not UTF-8', qr/1007: /, frame(CLOSE, pack('n', 1000)
		. "\x1b[31m\xff\x0a")],
	['text not UTF-8', qr/1007: /, frame(TEXT, "\x1b[31m\xff")],
	['data', qr/1003: /, frame(TEXT, "\x1b[31m\x0a")],
	['many faults', qr/1002: unknown opcode/, frame(3, 'a')
		. frame(11, 'b') x 500],
	['ping and fault', qr/1002: unknown opcode/, frame(PING, 'a' x 125) x 50
		. frame(3, 'a')],
);

# how a client ends after it: reads all; RST before, and after the answer;
# the end of its half before the answer, and goes without reading it

my %ends = (
	'in order' => sub {
		my ($c) = @_;

		$c->wait_close(TIME);
		$c->wait_eof(TIME);
	},
	'reset at once' => sub { $_[0]->reset() },
	'reset after the answer' => sub {
		my ($c) = @_;

		$c->wait_close(TIME);
		$c->reset();
	},
	'end of its half' => sub {
		my ($c) = @_;

		$c->shutdown_write();
		$c->wait_eof(TIME);
	},
	'gone at once' => sub { $_[0]->disconnect() },
	'sends on, reset' => sub {
		my ($c) = @_;

		for (1 .. 20) {
			$c->raw_write('x' x 1000) or last;
			sleep 0.002;
		}

		$c->reset();
	},
);

# handshakes, options of the client and what the log says

my @requests = (
	['method', qr/refused with 405: /, method => 'POST',
		headers => ['Content-Length', 0]],
	['version', qr/refused with 426: /, version => 8],
	['key', qr/refused with 400: /, key => 'short'],
	['two keys', qr/refused with 400: /, headers => ['Sec-WebSocket-Key',
		'AAAAAAAAAAAAAAAAAAAAAA==']],
	['HTTP/1.0', qr/refused with 400: /, http => 'HTTP/1.0'],
	['body', qr/refused with 400: /, headers => ['Content-Length', 3],
		body => 'abc'],
	['origin', qr/403: origin "http:\/\/\\x1b\[31m\\x9b\\x22" is not/,
		origin => "http://\x1b[31m\x9b\""],
	['subprotocol', qr/refused with 400: /, subprotocol => ['a b']],
	['extensions', qr/refused with 400: /, headers =>
		['Sec-WebSocket-Extensions', 'a;;b']],
	['cursor', qr/refused with 400: cursor: /, uri => '/?cursor=x'],
	['topic', qr/404: topic "\\x1b\[31m\\x0a\\x9b\\xff" is not/,
		uri => '/topic/%1b[31m%0a%9b%ff'],
	['no upgrade', qr/refused with 426: /, raw => 'GET / HTTP/1.1' . CRLF
		. 'Host: a' . CRLF . 'Connection: close' . CRLF . CRLF],
	['no host', qr/without "Host" header/, raw => 'GET / HTTP/1.1' . CRLF
		. 'Upgrade: websocket' . CRLF . CRLF],
	['header with a NUL', qr/invalid header line/, raw => 'GET / HTTP/1.1'
		. CRLF . "Host: a\0b" . CRLF . CRLF],
	['no request', qr/invalid method/, raw => "\x81\x80mask\xff\x1b" . CRLF
		. CRLF],
	['header too long', qr/too long header line/, raw => 'GET / HTTP/1.1'
		. CRLF . 'Host: a' . CRLF . 'X: ' . 'a' x 40000 . CRLF . CRLF],
);

# requests that are never whole

my @halves = (
	['end in the handshake', qr/prematurely closed connection/,
		sub { $_[0]->disconnect() }],
	['reset in the handshake', qr/104: Connection reset by peer/,
		sub { $_[0]->reset() }],
	['handshake without end', qr/client timed out/,
		sub { $_[0]->wait_eof(TIME) }, 1],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('log'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(@frames * keys(%ends)
	+ @requests + @halves + 12);

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
        ring      4m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws        c;
            kafka_ws_topic  $topic;
        }

        location /ping {
            kafka_ws        c;
            kafka_ws_topic  $topic;
            kafka_ws_ping   200ms timeout=200ms;
        }

        location /slow {
            kafka_ws        c;
            kafka_ws_topic  $topic;
            kafka_ws_slow   close lag=1s buffer=8k;
        }

        location ~ ^/topic/(?<name>(?s:.*))\$ {
            kafka_ws        c;
            kafka_ws_topic  \$name;
        }
    }

    server {
        listen  127.0.0.1:%%PORT_1%%;

        client_header_timeout  1s;
    }
}

EOT

my $address = 0;
my @expected;

KafkaWS::Client->open($t->port(0), '/')->wait_event('start', TIME);

###############################################################################

for my $case (@frames) {
	my ($name, $said, $bytes) = @$case;

	for my $end (sort keys %ends) {
		my $c = from("$name, $end", $said);

		$c->wait_event('start', TIME);
		$c->raw_write($bytes);
		$ends{$end}->($c);
	}
}

for my $case (@requests) {
	my ($name, $said, @o) = @$case;

	expect($name, $said);
	KafkaWS::Client->connect($t->port(0), '/', local => local_address(),
		@o);
}

for my $case (@halves) {
	my ($name, $said, $end, $port) = @$case;
	my $c = half($name, $said, $port);

	sleep 0.1;
	$end->($c);
}

# clients that are given up on

from('no answer to a ping', qr/did not answer a ping/, '/ping',
	auto_pong => 0)->wait_eof(TIME);

my $mute = from('no answer to a ping, reset', qr/did not answer a ping/,
	'/ping', auto_pong => 0);

$mute->wait_close(TIME);
$mute->reset();

my $slow = from('too slow', qr/client is too slow/, '/slow', rcvbuf => 4096);

$slow->wait_event('start', TIME);
$b->produce($topic, map { 'x' x 60_000 } 1 .. 20);
ok($t->wait_log(qr/too slow.* client: \Q@{[ local_address() ]}\E,/, 10),
	'a slow client is given up on');

# what is right

for my $case (
	['Close', sub { $_[0]->close(1000); $_[0]->wait_eof(TIME) }],
	['Close with a reason', sub { $_[0]->close(4999, "\x1b[31m\x0a");
		$_[0]->wait_eof(TIME) }],
	['ping', sub { $_[0]->ping('a'); $_[0]->wait_pong(TIME);
		$_[0]->close(1000); $_[0]->wait_eof(TIME) }],
	['pong', sub { $_[0]->pong('a'); $_[0]->close(1000);
		$_[0]->wait_eof(TIME) }],
	['end without a Close', sub { $_[0]->disconnect() }])
{
	my ($name, $sub) = @$case;
	my $c = from($name, undef);

	$c->wait_event('start', TIME);
	$sub->($c);
}

###############################################################################

# every line is there, and there are no more behind it

wait_for(TIME, sub { !grep { $_->[2] && !lines_of($_->[0]) } @expected });
sleep 0.5;

for my $case (@expected) {
	my ($from, $name, $said) = @$case;
	my @lines = lines_of($from);

	if (!$said) {
		is(scalar @lines, 0, "$name: no line") or diag(@lines);
		next;
	}

	ok(@lines == 1 && $lines[0] =~ / \[info\] / && $lines[0] =~ $said,
		"$name: one line") or diag("of $from, expected $said:",
			map { "\n$_" } @lines);
}

my @ours = grep { / client: 127\./ } split /\n/, $t->log();

is(scalar(grep { !/ \[info\] / } @ours), 0, 'nothing above info');
is(scalar(grep { / (?:refused with|client sent what) .*[^\x20-\x7e]/ } @ours),
	0, 'nothing but printable ASCII');
is(scalar(grep { /^(?!\d{4}\/\d\d\/\d\d )/ } split /\n/, $t->log()), 0,
	'every line begins as one');

###############################################################################

# the next address, and what is to be found in the log for it
sub expect {
	my ($name, $said) = @_;

	$address++;
	push @expected, [local_address(), $name, $said];
}

sub local_address {
	return sprintf '127.0.%d.%d', 1 + $address / 250, 1 + $address % 250;
}

sub from {
	my ($name, $said, $uri, @more) = @_;

	expect($name, $said);

	return KafkaWS::Client->open($t->port(0), $uri // '/',
		local => local_address(), @more);
}

# a connection with a part of a request
sub half {
	my ($name, $said, $port) = @_;

	expect($name, $said);

	my $sock = IO::Socket::INET->new(Proto => 'tcp',
		PeerAddr => '127.0.0.1', PeerPort => $t->port($port),
		LocalAddr => local_address()) or die "connect: $!\n";

	syswrite $sock, 'GET / HTTP/1.1' . CRLF . 'Host: a' . CRLF . 'Upgr';

	return bless { sock => $sock, buf => '', inbox => [],
		select => IO::Select->new($sock) }, 'KafkaWS::Client';
}

# That a kept connection ends is said of every client that keeps one.
sub lines_of {
	my ($from) = @_;

	return grep { / client:? \Q$from\E\b/
		&& !/ closed keepalive connection/ } split /\n/, $t->log();
}

sub frame { return KafkaWS::WebSocket::frame(@_) }

###############################################################################
