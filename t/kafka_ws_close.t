#!/usr/bin/perl

# How streams end: the client's Close, what it must not send, and the end of
# the connection, which is never a reset.

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
	TIME => 5,
	CONT => 0, TEXT => 1, BINARY => 2, CLOSE => 8, PING => 9,
};

# frames, and the code of the Close they are answered with

my @illegal = (
	['no mask', 1002, frame(TEXT, 'a', masked => 0)],
	['reserved bit 1', 1002, frame(TEXT, 'a', rsv => 4)],
	['reserved bit 2', 1002, frame(TEXT, 'a', rsv => 2)],
	['reserved bit 3', 1002, frame(TEXT, 'a', rsv => 1)],
	['opcode 3', 1002, frame(3, 'a')],
	['opcode 7', 1002, frame(7, 'a')],
	['opcode 11', 1002, frame(11, '')],
	['opcode 15', 1002, frame(15, '')],
	['length 125 in 16 bits', 1002, frame(TEXT, 'a' x 125,
		length_bytes => 2)],
	['length 126 in 64 bits', 1002, frame(TEXT, 'a' x 126,
		length_bytes => 8)],
	['length of 2^63', 1002, pack('CC Q>', 0x82, 0xff, 1 << 63)],
	['continuation of nothing', 1002, frame(CONT, 'a')],
	['message in a message', 1002, frame(TEXT, 'a', fin => 0),
		frame(TEXT, 'b')],
	['ping in fragments', 1002, frame(PING, 'a', fin => 0)],
	['ping of 126 bytes', 1002, frame(PING, 'a' x 126)],
	['close of 1 byte', 1002, frame(CLOSE, "\x03")],
	['UTF-8 broken', 1007, frame(TEXT, "\xff")],
	['UTF-8 surrogate', 1007, frame(TEXT, "\xed\xa0\x80")],
	['UTF-8 overlong', 1007, frame(TEXT, "\xc0\xaf")],
	['UTF-8 beyond U+10FFFF', 1007, frame(TEXT, "\xf4\x90\x80\x80")],
	['UTF-8 cut off', 1007, frame(TEXT, "\xe2\x82")],
	['UTF-8 cut off, in fragments', 1007, frame(TEXT, "\xe2", fin => 0),
		frame(CONT, "\x82")],
	['reason not UTF-8', 1007, frame(CLOSE, pack('n', 1000) . "\xff")],
	['text', 1003, frame(TEXT, 'hello')],
	['empty text', 1003, frame(TEXT, '')],
	['binary', 1003, frame(BINARY, "\xff")],
	['UTF-8 across fragments', 1003, frame(TEXT, "\xe2", fin => 0),
		frame(CONT, "\x82\xac")],
	(map { ["close code $_", 1002, frame(CLOSE, pack 'n', $_)] }
		0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535),
);

my @codes = (1000, 1001, 1002, 1003, 1007, 1008, 1011, 1014, 3000, 4999);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('close'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(2 * @illegal + 2 * @codes
	+ 24);

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

# the client's Close comes back

for my $code (@codes) {
	my $c = started();

	$c->close($code, 'a reason');
	is_deeply([$c->wait_close(TIME)], [$code, ''], "close $code echoed");
	is($c->wait_eof(TIME), 'fin', "end after close $code");
}

my $c = started();

$c->close();
is(($c->wait_close(TIME))[0], 1005, 'close without a code');
is($c->wait_eof(TIME), 'fin', 'end after a close without a code');

# what it must not send

for my $case (@illegal) {
	my ($name, $code, @frames) = @$case;
	my $c = started();

	$c->raw_write(join '', @frames);
	is(($c->wait_close(TIME))[0], $code, $name);

	# our Close answers, and more that is ignored
	$c->raw_write(frame(3, 'x'));
	is($c->wait_eof(TIME), 'fin', "$name: end");
}

# the reason says what was wrong, and the log, too

$c = started();
$c->raw_write(frame(TEXT, 'a', masked => 0));
is_deeply([$c->wait_close(TIME)], [1002, 'frame not masked'], 'reason');
ok($t->wait_log(qr/\[info\].* client sent .* 1002: frame not masked/),
	'log of what a client sent');

# data: closed at the end of the message, not before

$c = started();
$c->send_frame(TEXT, 'a', fin => 0);
$c->ping('between');
is($c->wait_pong(TIME), 'between', 'control frame inside a message');
ok(!$c->{close}, 'no close before the end of a message');
$c->send_frame(CONT, 'b');
is(($c->wait_close(TIME))[0], 1003, 'close at the end of the message');

# UTF-8: at the first bad byte, before the end

$c = started();
$c->send_frame(TEXT, "a\xff", fin => 0);
is(($c->wait_close(TIME))[0], 1007, 'close at the first bad byte');

# data after the client's Close is not looked at

$c = started();
$c->raw_write(frame(CLOSE, pack('n', 1000)) . frame(TEXT, 'a', masked => 0)
	. frame(PING, 'p'));
is(($c->wait_close(TIME))[0], 1000, 'data after a close');
is(scalar @{ $c->{pongs} }, 0, 'no pong after a close');

# the server's half ends first, once both closed; it waits for two seconds each
# time, which a slow machine may need by itself

my @ended;

for (1 .. 5) {
	@ended = ends();

	last if $ended[-1] < 1.5;
}

is($ended[0], 1003, 'server closes');
ok($ended[1], 'server waits for the close of the client');
is($ended[2], 'fin', 'server half-closes');
ok($ended[3], 'and waits for the end of the client');
ok($ended[4], 'and not for more');

# a client that says Close and ends its half at once still gets the answer

for my $more ('', frame(TEXT, 'x' x 100) x 1000) {
	my $c = started(auto_close => 0);

	$c->raw_write(frame(CLOSE, pack('n', 1000)) . $more);
	$c->shutdown_write();
	is(($c->wait_close(TIME))[0], 1000, 'close of half a connection');
	is($c->wait_eof(TIME), 'fin', 'and its end');
}

# it does not wait for ever

$c = started(auto_close => 0);

my $since = now();

$c->send_text('a');
$c->wait_close(TIME);
ok(connections(0, TIME), 'no close of the client');
cmp_ok(now() - $since, '>', 1, 'server waits for a while');

# the client goes without a Close

for my $way (qw(disconnect reset shutdown_write)) {
	my $c = started();

	connections(1, TIME) or die "not connected\n";
	$c->$way();
	ok(connections(0, TIME), "client ends by $way");
}

###############################################################################

sub frame { return KafkaWS::WebSocket::frame(@_) }

sub started {
	my $c = KafkaWS::Client->open($t->port(0), '/', @_);

	$c->wait_event('start', 10);

	return $c;
}

# A client that does not close by itself is closed for data, and takes its time.
# returns: what came of each step, and how long the server waited at most
sub ends {
	my $c = started(auto_close => 0);
	my $since = now();
	my @steps;

	$c->send_text('a');
	push @steps, ($c->wait_close(TIME))[0];
	push @steps, connections(1, 1);
	$c->close(1003);
	push @steps, $c->wait_eof(TIME);
	push @steps, connections(1, 1);

	my $time = now() - $since;

	$c->disconnect();
	push @steps, connections(0, TIME);

	return @steps, $time;
}

sub connections {
	my ($count, $seconds) = @_;

	return wait_for($seconds, sub {
		$t->status()->{clusters}[0]{connections} == $count });
}

###############################################################################
