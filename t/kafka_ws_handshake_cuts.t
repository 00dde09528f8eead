#!/usr/bin/perl

# Packets end anywhere: a handshake cut at every byte, frames and requests
# that come in one packet with it.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;
use KafkaWS::Probe qw(request expected upgraded refused by_nginx sequence);

use constant { TIME => 10, TEXT => 1, CLOSE => 8, PING => 9, PONG => 10 };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('cuts'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(36);

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

    server_tokens      off;
    keepalive_timeout  60s;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location = /after {
            return  200 "after";
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

KafkaWS::Client->open($t->port(0), '/')->disconnect();

my $p = KafkaWS::Probe->new($t);
my $good = request('/', more => ['Sec-WebSocket-Protocol: kafka.json.v1',
	'Sec-WebSocket-Extensions: x; a="b"', 'Origin: http://localhost']);
my $agreed = upgraded(protocol => 'kafka.json.v1');

# a request in two packets, and in as many as it has bytes

everywhere('a good request', $good, $agreed);
everywhere('a request without a key', request('/', key => []),
	refused('key'));
everywhere('one of another version', request('/', version => []),
	refused('version'));
everywhere('one that nginx refuses', request('/', host => []),
	by_nginx(400, 'client sent HTTP/1.1 request without "Host" header'));

is($p->ask($good, cuts => [1 .. length($good) - 1]), $agreed,
	'byte by byte');
is($p->ask(request('/', key => []), cuts => [map { 3 * $_ } 1 .. 30]),
	refused('key'), 'three bytes at a time');

# frames behind a handshake, cut at every byte; how they end

for (
	['ping and close', [ping('early'), shut(3333)], 'early', 3333],
	['pong and close', [frame(PONG, 'x'), shut(1000)], undef, 1000],
	['close', [shut(1001, 'gone')], undef, 1001],
	['close without a code', [frame(CLOSE, '')], undef, 1005],
	['text', [frame(TEXT, 'a')], undef, 1003],
	['text in fragments', [frame(TEXT, 'a', fin => 0), ping('between'),
		frame(0, 'b')], 'between', 1003],
	['text that is not UTF-8', [frame(TEXT, "\xff")], undef, 1007],
	['not masked', [frame(TEXT, 'a', masked => 0)], undef, 1002],
	['reserved bit', [frame(TEXT, 'a', rsv => 4)], undef, 1002],
	['unknown opcode', [frame(11, '')], undef, 1002],
	['long ping', [frame(PING, 'x' x 126)], undef, 1002],
	['length in too many bytes', [frame(TEXT, 'a', length_bytes => 8)],
		undef, 1002],
	['2^63', ["\x81\xff\x80" . "\0" x 7], undef, 1002],
	['2^63-1', ["\x81\xff\x7f" . "\xff" x 7 . 'mask'], undef, 1009],
	['close of a code that is none', [shut(1005)], undef, 1002],
	['a second request', [request('/')], undef, 1002],
	['a line of text', ["hello\n"], undef, 1002])
{
	my ($name, $frames, @end) = @$_;

	behind($name, join('', @$frames), @end);
}

# many frames in the packet

my $many = join '', map { ping("p$_") } 1 .. 200;

behind('200 pings', $many . shut(1000), 'p200', 1000, [0, 1, 600, 1500]);

# a request that is refused is followed by another one, not by frames

is($p->ask(request('/', version => []) . $good, answers => 2),
	sequence(refused('version'), $agreed), 'a good one behind a refused');
is($p->ask(join('', map { request('/', version => []) } 1 .. 5) . $good,
	answers => 6), sequence((map { refused('version') } 1 .. 5), $agreed),
	'behind five of them');
is($p->ask(request('/', method => 'HEAD') . $good, answers => 2, head => 1),
	sequence(refused('method', head => 1), $agreed), 'behind HEAD');
is($p->ask(get('/after') . $good, answers => 2), sequence(after(), $agreed),
	'behind a page');
is($p->ask(request('/', key => []) . $good), refused('key'),
	'none behind a 400');
is($p->ask(request('/', http => 'HTTP/1.0') . $good), refused('http'),
	'none behind HTTP/1.0');
is($p->ask(request('/', connection => 'Connection: close') . $good),
	refused('connection', kept => 0), 'none behind Connection: close');
is($p->ask(request('/', version => []) . ping('x'), answers => 2),
	sequence(refused('version'), by_nginx(400,
		'client sent invalid method')), 'frames behind a refusal');
everywhere('a refused and a good one',
	request('/', version => []) . $good,
	sequence(refused('version'), $agreed), answers => 2);

# neither an answer nor a stream to half a request

my @half = map { $p->begin(substr $good, 0, $_) } 0 .. length($good) - 1;

$p->settle();
is(scalar(grep { $_->fill(0) || length $_->{buf} } @half), 0,
	'no answer before the end of a request');
$_->disconnect() for @half;
$p->settle();
is($t->status()->{clusters}[0]{connections}, 0, 'no stream is left');
$p->new_lines();
is($p->ask($good), $agreed, 'and the next one has its own');

###############################################################################

# The bytes in two pieces, for each place where they can be cut: many at
# once, or one at a time if a first piece has an answer already.
sub everywhere {
	my ($name, $bytes, $expected, %o) = @_;
	my @cuts = 1 .. length($bytes) - 1;
	my @wrong;

	while (my @some = splice @cuts, 0, $o{answers} ? 1 : 100) {
		my @probes = map { $p->begin($bytes, cuts => [$_], %o) }
			@some;

		$p->settle();

		for my $i (0 .. $#probes) {
			my $got = $probes[$i]->finish(1);

			next if $got eq $expected;
			push @wrong, $some[$i];
			diag("cut at $some[$i]: $got\nexpected: $expected");
		}
	}

	is("@wrong", '', "$name, cut at every byte");
}

# Frames behind a good request, in its packet up to every byte of them.
# pong: the last one; code: of the Close
sub behind {
	my ($name, $frames, $pong, $code, $at) = @_;
	my $bytes = $good . $frames;
	my @cuts = $at ? @$at : 0 .. length $frames;
	my @probes = map { $p->begin($bytes, cuts => [length($good) + $_],
		auto_pong => 0) } @cuts;
	my @wrong;

	$p->settle();

	for my $c (@probes) {
		my $cut = shift @cuts;

		$c->raw_write($_) for @{ $c->{pieces} };

		my $head = $c->upgrade();
		my $got = eval { ended($c) } // $@;
		my $expected = "start, pong " . ($pong // 'none')
			. ", close $code, fin";

		push @wrong, "$cut: $head, $got" unless $got eq $expected
			&& $agreed =~ /^\Q$head\E\n/;
		$c->disconnect();
	}

	is(join("\n", @wrong), '', "$name, cut at every byte");
	$p->new_lines();
}

sub ended {
	my ($c) = @_;
	my $start = $c->wait_event('start', TIME) ? 'start' : 'nothing';
	my ($code) = $c->wait_close(TIME);
	my $pong = $c->{pongs}[-1] // 'none';

	$c->close(1000) if defined $code && $code !~ /^(?:1001|3333|1005)$/;

	my $end = $c->wait_eof(TIME) // 'left open';

	return "$start, pong $pong, close " . ($code // 'none') . ", $end";
}

sub frame { return KafkaWS::WebSocket::frame(@_) }

sub ping { return frame(PING, @_) }

sub shut {
	my ($code, $reason) = @_;

	return frame(CLOSE, pack('n', $code) . ($reason // ''));
}

sub get { return "GET $_[0] HTTP/1.1\x0d\x0aHost: a\x0d\x0a\x0d\x0a" }

sub after {
	return join "\n", 'HTTP/1.1 200 OK', 'Connection: keep-alive',
		'Content-Length: 5', 'Content-Type: text/plain',
		'Server: nginx', 'body: after', 'then: kept';
}

###############################################################################
