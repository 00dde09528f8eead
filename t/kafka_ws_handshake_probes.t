#!/usr/bin/perl

# The opening handshake probed part by part: what each header may be, what
# it may not be, and the whole answer to either.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

# values of headers have commas and more
no warnings 'qw';

use FindBin;
use lib "$FindBin::Bin/lib";

use MIME::Base64 qw(encode_base64);
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;
use KafkaWS::Probe qw(request expected reason printable);

# base64 of so many bytes
my $bytes = sub { encode_base64(pack('C*', map { 37 * $_ & 255 } 1 .. $_[0]),
	'') };
my $key = $bytes->(16);

# a good key with another byte at a position
my $with = sub { substr(my $k = $key, $_[0], 1) = $_[1]; $k };

my $names = sub { join ',', map { "n$_" } 1 .. $_[0] };

# Rule, part, line (%s: a value), answer, values.  A value in brackets is
# several lines.  Answers: KafkaWS::Probe.
my @probes = (

	# the method and the version of HTTP

	['W1', method => '%s', 'method', qw(HEAD POST PUT DELETE OPTIONS
		PATCH PROPFIND MKCOL COPY MOVE LOCK UNLOCK PROPPATCH PRI
		UNKNOWN M-SEARCH GETT GE G _ -)],
	['W1', method => '%s', 'nginx 400: client sent invalid method',
		qw(get Get gET GET1 G.T G/T G*T "GET" GET:), "\tGET", "GE\x80T",
		"GE\0T", ''],
	['W1', method => 'CONNECT', 'nginx 405: client sent CONNECT method',
		''],
	['W1', method => 'TRACE', 'nginx 405: client sent TRACE method', ''],
	['W1', http => 'HTTP/%s', 'http', qw(1.0 1.00)],
	['W1', http => 'HTTP/%s', '101', qw(1.1 1.01 1.001 1.2 1.9 1.10
		1.99), '1.1 '],
	['W1', http => 'HTTP/%s', 'nginx 400: client sent invalid request',
		qw(0.9 1 1. .1 1.1.1 1,1 01.1 1.x -1.1 1.1x), '1 .1', '1.1 x'],
	['W1', http => 'HTTP/%s', 'nginx 505: client sent invalid version',
		qw(2 2.0 2.1 3.0 9.9 11 11.1)],
	['W1', http => '%s', 'nginx 400: client sent invalid request',
		qw(http/1.1 HTTPS/1.1 HTP/1.1 HTTP1.1 WS/1.1), 'HTTP /1.1',
		'HTTP', 'x'],

	# the host

	['W1', host => 'Host: %s', '101', 'localhost', 'a', 'A.B', 'a.',
		'a:80', 'a:65535', '[::1]', '[::1]:80', '127.0.0.1', ' a ',
		'a_b', "\x80\xff"],
	['W1', host => 'Host: %s',
		'nginx 400: client sent invalid host header', '', 'a b', 'a/b',
		'a..b', ':80', '.', '..', "a\t", "a\x01", "a\x7f", "\x1b[31m"],
	['W1', host => '%s', 'nginx 400: client sent HTTP/1.1 request without'
		. ' "Host" header', [], 'X-Host: a'],
	['W1', host => '%s', 'nginx 400: client sent duplicate host header: '
		. '"Host: b", previous value: "Host: a"',
		['Host: a', 'Host: b']],

	# Upgrade

	['W2', upgrade => 'Upgrade: %s', '101', qw(websocket WEBSOCKET
		WebSocket wEBSOCKET websocket, ,websocket h2c,websocket
		websocket,h2c a,b,websocket,c websocket,websocket
		TLS/1.0,websocket websocket/13,websocket),
		'   websocket   ', "\twebsocket\t", 'h2c , websocket',
		"h2c\t,\twebsocket", ', , websocket , ,', 'h2c;q=1, websocket',
		'"a", websocket', "\x80, websocket", 'a b, websocket',
		',' x 1000 . 'websocket', 'websocket' . ',a' x 1000],
	['W2', upgrade => '%s', '101', 'upgrade: websocket',
		'UPGRADE: websocket', 'Upgrade:websocket',
		['Upgrade: h2c', 'Upgrade: websocket'],
		['Upgrade: websocket', 'Upgrade: h2c'],
		['Upgrade: websocket', 'Upgrade: websocket'],
		['Upgrade:', 'Upgrade: websocket'],
		[(map { "Upgrade: p$_" } 1 .. 50), 'Upgrade: websocket'],
		['Upgrade: "', 'Upgrade: websocket']],
	['W2', upgrade => 'Upgrade: %s', 'upgrade', '', ' ', ',', qw(websockets
		websocke ebsocket web-socket websocket/13 websocket/ /websocket
		websocket; websocket;q=1 websocket=1 "websocket" 'websocket'
		(websocket) <websocket> websocket. .websocket websocket13
		ws wss h2c http/1.1 TLS/1.2 * websocket:80 h2c;websocket),
		'web socket', 'websocket websocket', 'h2c websocket',
		'websocket h2c', "websocket\x80", "\xef\xbb\xbfwebsocket",
		"web\x01socket", "websocket\x0b", "websocket\x0c",
		"websocket\x7f", "webs\xc3\xb6cket", "websoc\xe2\x84\xaaet",
		'h2c', 'web,socket', 'a' x 4000],
	['W2', upgrade => '%s', 'upgrade', [], 'X-Upgrade: websocket',
		'Upgrades: websocket', ['Upgrade: web', 'Upgrade: socket'],
		['Upgrade: web,', 'Upgrade: socket']],

	# Connection

	['W3', connection => 'Connection: %s', '101', qw(Upgrade upgrade
		UPGRADE uPGRADE keep-alive,Upgrade Upgrade,keep-alive
		close,upgrade upgrade,close ,upgrade upgrade, a,b,upgrade,c
		upgrade,upgrade te,upgrade,http2-settings),
		' Upgrade ', "\tUpgrade\t", 'keep-alive, Upgrade',
		"keep-alive\t,\tUpgrade", ', , Upgrade', '"x", Upgrade',
		'a b, Upgrade', ',' x 1000 . 'upgrade', 'upgrade' . ',a' x 999],
	['W3', connection => '%s', '101', 'CONNECTION: upgrade',
		'Connection:upgrade',
		['Connection: keep-alive', 'Connection: Upgrade'],
		['Connection: Upgrade', 'Connection: keep-alive'],
		['Connection:', 'Connection: Upgrade'],
		[(map { "Connection: c$_" } 1 .. 50), 'Connection: Upgrade']],
	['W3', connection => 'Connection: %s', 'connection', '', ' ', ',',
		qw(keep-alive close Close upgrades upgrad pgrade up-grade
		upgrade/1 upgrade; upgrade;q=1 upgrade=1 "upgrade" 'upgrade'
		x-upgrade upgrade. websocket te), 'up grade',
		'keep-alive upgrade', 'keep-alive;upgrade', 'upgrade upgrade',
		"upgrade\x80", "upgrade\x01", "upgrade\x0b", "upgrade\x7f",
		'up,grade'],
	['W3', connection => '%s', 'connection', [],
		'Proxy-Connection: Upgrade',
		['Connection: up', 'Connection: grade']],

	# the key

	['W4', key => 'Sec-WebSocket-Key: %s', '101', $key,
		'A' x 22 . '==', '/' x 21 . 'w==', '+' x 21 . 'g==',
		'dGhlIHNhbXBsZSBub25jZQ==', "   $key", "$key   ", "\t$key\t",
		'A' x 21 . 'B==', 'z' x 22 . '=='],
	['W4', key => '%s', '101', "sec-websocket-key: $key",
		"SEC-WEBSOCKET-KEY: $key", "Sec-WebSocket-Key:$key"],
	['W4', key => 'Sec-WebSocket-Key: %s', 'key', '', ' ', '==', '====',
		(map { $bytes->($_) } 1 .. 15, 17 .. 20, 32, 64, 600),
		'A' x 22, 'A' x 22 . '=', 'A' x 22 . '===', 'A' x 23 . '=',
		'A' x 24, 'A' x 21 . '===', '=' x 24, '==' . 'A' x 22,
		"$key,", ",$key", "$key,$key", "$key $key", "\"$key\"",
		"<$key>",
		"$key;", "A$key", "${key}A", $key =~ tr/=/./r, lc $key x 2,
		(map { my $c = $_; map { $with->($_, $c) } 0, 11, 21 }
			'-', '_', '=', ' ', '"', ',', "\x01", "\x7f", "\x80",
			"\xff", '*'),
		$with->(22, 'A'), $with->(23, 'A'), $with->(22, ' ')],
	['W4', key => '%s', 'key', [], 'Sec-WebSocket-Keys: ' . $key,
		'Sec-WebSocket-Key1: ' . $key],
	['W4', key => '%s', 'keys',
		["Sec-WebSocket-Key: $key", "Sec-WebSocket-Key: $key"],
		["Sec-WebSocket-Key: $key", 'Sec-WebSocket-Key: x'],
		['Sec-WebSocket-Key:', "Sec-WebSocket-Key: $key"],
		["SEC-WEBSOCKET-KEY: $key", "sec-websocket-key: $key"]],

	# the version of the protocol

	['W5', version => 'Sec-WebSocket-Version: %s', '101', '13', '  13',
		'13  ', "\t13\t", " \t 13"],
	['W5', version => '%s', '101', 'sec-websocket-version: 13',
		'Sec-WebSocket-Version:13'],
	['W5', version => 'Sec-WebSocket-Version: %s', 'version', '', ' ',
		0 .. 12, 14 .. 16, 25, 99, 113, 130, 131, 255, 256, 269,
		qw(013 0013 13.0 +13 -13 0xd 0x13 1e1 13, ,13 13,8 8,13 13,13
		"13" 13; 13a a13 1.3 4294967309 18446744073709551629 hybi-13
		latest), '1 3', '13 13', '13, 8', "13\x80", "13\x01",
		"\xd9\xa1\xd9\xa3", '13' x 500],
	['W5', version => '%s', 'version', [], 'Sec-WebSocket-Versions: 13',
		'X-Sec-WebSocket-Version: 13'],
	['W5', version => '%s', 'versions',
		['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 13'],
		['Sec-WebSocket-Version: 8', 'Sec-WebSocket-Version: 13'],
		['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version:']],

	# the origin; kafka_ws_origin.t has more

	['W6', more => 'Origin: %s', '101', 'http://localhost',
		'https://LOCALHOST:443', "\thttp://localhost\t"],
	['W6', more => 'Origin: %s', 'origin', '', 'null', 'http://evil',
		'http://localhost:8080', 'http://localhost.', 'localhost',
		'http://localhost http://localhost', 'http://localhost, null',
		"http://localhost\x01", "http://\x1b]0;x\x07", 'http://a"\\',
		'http://' . 'x' x 40 . '.localhost'],
	['W6', more => '%s', 'origins',
		['Origin: http://localhost', 'Origin: http://localhost'],
		['Origin: http://localhost', 'Origin: http://evil']],

	# subprotocols

	['W7', more => 'Sec-WebSocket-Protocol: %s', '101 kafka.json.v1',
		'kafka.json.v1', ' kafka.json.v1 ', "\tkafka.json.v1\t",
		'kafka.json.v1,', ',kafka.json.v1', ', ,kafka.json.v1, ,',
		'kafka.json.v1, kafka.text.v1', 'a, b, kafka.json.v1',
		'kafka.json.v1, KAFKA.JSON.V1', $names->(31)
			. ',kafka.json.v1'],
	['W7', more => 'Sec-WebSocket-Protocol: %s', '101 kafka.text.v1',
		'kafka.text.v1', 'kafka.text.v1,kafka.json.v1'],
	['W7', more => 'Sec-WebSocket-Protocol: %s', '101 kafka.binary.v1',
		'kafka.binary.v1', 'x,kafka.binary.v1,kafka.json.v1'],
	['W7', more => '%s', '101 kafka.text.v1',
		['Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Protocol: '
			. 'kafka.text.v1'],
		['Sec-WebSocket-Protocol:', 'sec-websocket-protocol: '
			. 'kafka.text.v1', 'Sec-WebSocket-Protocol: ,']],
	['W7', more => 'Sec-WebSocket-Protocol: %s', '101', qw(chat
		KAFKA.JSON.V1 kafka.json.v2 kafka.json.v1x kafka kafka.json.v
		xkafka.json.v1 !#$%&'*+-.^_`|~09azAZ a,b,c), 'a' x 4000,
		$names->(32)],
	['W7', more => 'Sec-WebSocket-Protocol: %s', 'protocols', 'a b', 'a;b',
		'"a"', '"kafka.json.v1"', 'a/b', 'a:b', 'a@b', 'a=b', '{a}',
		'(a)', '[a]', '<a>', 'a?', 'a\\', "a\x01", "a\x7f", "a\x80",
		"caf\xc3\xa9", 'kafka.json.v1 kafka.text.v1',
		'kafka.json.v1; kafka.text.v1', 'kafka.json.v1, b@',
		'kafka.json.v1, "', "a\x0bb", 'a, b c'],
	['W7', more => 'Sec-WebSocket-Protocol: %s', 'no protocols', '', ' ',
		',', ', ,', "\t", ',' x 4000],
	['W7', more => 'Sec-WebSocket-Protocol: %s', 'protocol twice', 'a,a',
		'a, b, a', 'kafka.json.v1, kafka.json.v1', $names->(31)
			. ',n1'],
	['W7', more => '%s', 'protocol twice', ['Sec-WebSocket-Protocol: a',
		'Sec-WebSocket-Protocol: b,a']],
	['W7', more => 'Sec-WebSocket-Protocol: %s', 'many protocols',
		$names->(33), $names->(200)],

	# extensions

	['W8', more => 'Sec-WebSocket-Extensions: %s', '101', 'x', ' x ',
		"\tx\t", 'x,', ',x', ', ,x, ,', 'x, y, z', 'x, x', 'x;a',
		'x; a', 'x ;a', 'x; a=1', 'x; a = 1', 'x;a=b;c=d;e',
		'x; a=1; a=1', 'x; a="1"', 'x; a="\\1"', 'x; a="b\\c\\d"',
		'x; a="1", y; b', 'permessage-foo; client_max_window_bits',
		'x-webkit-deflate-frame', 'bbf-usp-protocol; eid="a"',
		'x; ' . join(';', map { "p$_=$_" } 1 .. 300),
		join(',', map { "x$_; p=1" } 1 .. 300), 'x' x 4000,
		'x; a="' . 'b' x 4000 . '"', q(!#$%&'*+-.^_`|~)],
	['W8', more => '%s', '101', ['Sec-WebSocket-Extensions: x',
		'Sec-WebSocket-Extensions: y'],
		['Sec-WebSocket-Extensions:', 'sec-websocket-extensions: y'],
		[map { "Sec-WebSocket-Extensions: x$_" } 1 .. 50]],
	['W8', more => 'Sec-WebSocket-Extensions: %s', 'extensions', 'x;',
		'x; ', 'x;;a', 'x; a;', 'x; =', 'x; =1', 'x; a=', 'x; a=,',
		'x; a=;', 'x; a==1', 'x; a="', 'x; a="b', 'x; a="b c"',
		'x; a=""', 'x; a="b\\', 'x; a="\\', 'x; a="b\\"',
		'x; a="b"c', 'x; a=b"c"', 'x; a="b,c"', 'x; a="b;c"',
		"x; a='b c'", 'x y', '"x"', 'x="y"', 'x=1', ';', ';a', 'x; a b',
		'x/1', 'x; a/1', '(x)', "x\x01", "x\x7f", "x\x80", "x; a=\xff",
		'x; a="\\"', "x; a=\"\x01\"", 'x, y;', 'x; a=b=c',
		'x; a="b"; "c"'],
	['W8', more => '%s', 'extensions', ['Sec-WebSocket-Extensions: x; a="b',
		'Sec-WebSocket-Extensions: c"'],
		['Sec-WebSocket-Extensions: x', 'Sec-WebSocket-Extensions: ;']],
	['W8', more => 'Sec-WebSocket-Extensions: %s', 'no extensions', '',
		' ', ',', ', ,', "\t", ',' x 4000],

	# bodies

	['W12', more => 'Content-Length: %s', '101', '0', '00', '000000'],
	['W12', more => 'Content-Length: %s', 'body', 1, 5, 1000, '05',
		1048576],
	['W12', more => 'Content-Length: %s',
		'nginx 400: client sent invalid "Content-Length" header',
		'', ' ',
		qw(-1 -0 +0 +1 1.0 0x0 a 1a 0,0 1e1 18446744073709551616
		9223372036854775808 99999999999999999999999), '1 1', "0\t",
		"0\x80"],
	['W12', more => 'Transfer-Encoding: %s', 'body', 'chunked', 'Chunked',
		' CHUNKED '],
	['W12', more => 'Transfer-Encoding: %s', 'nginx 501: client sent '
		. 'unknown "Transfer-Encoding": "%s"', qw(identity gzip
		gzip,chunked chunked,gzip chunked, ,chunked xchunked chunkedx
		"chunked"), '', 'chunked chunked', 'chunked; a=1'],
	['W12', more => '%s', 'nginx 400: client sent duplicate header line: '
		. '"Content-Length: 0", previous value: "Content-Length: 0"',
		['Content-Length: 0', 'Content-Length: 0']],
	['W12', more => '%s', 'nginx 400: client sent duplicate header line: '
		. '"Content-Length: 0", previous value: "Content-Length: 5"',
		['Content-Length: 5', 'Content-Length: 0']],
	['W12', more => '%s', 'nginx 400: client sent duplicate header line: '
		. '"Transfer-Encoding: a", previous value: '
		. '"Transfer-Encoding: chunked"',
		['Transfer-Encoding: chunked', 'Transfer-Encoding: a']],
	['W12', more => '%s', 'nginx 400: client sent "Content-Length" and '
		. '"Transfer-Encoding" headers at the same time',
		['Content-Length: 0', 'Transfer-Encoding: chunked'],
		['Transfer-Encoding: chunked', 'Content-Length: 5']],
	['W12', more => '%s', '101', 'Content-Type: text/plain', 'TE: chunked',
		'Trailer: X', 'Content-Encoding: gzip'],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('probes'));
my $count = 0;

$count += @$_ - 4 for @probes;

my $t = KafkaWS::Nginx->new(broker => $b)->plan($count + 2);

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
            kafka_ws         c;
            kafka_ws_format  json text binary;
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
my %counted;

for (@probes) {
	my ($rule, $part, $line, $answer, @values) = @$_;

	for my $value (@values) {
		my @lines = map { my $v = $_; $line =~ s/%s/$v/r }
			ref $value ? @$value : $value;

		probe($rule, $part, $answer, $value, @lines);
	}
}

my $refusals = $t->status()->{clusters}[0]{refusals};

is_deeply({ map { $_ => $refusals->{$_} // 0 } keys %counted }, \%counted,
	'refusals are counted by reason');
is($t->status()->{clusters}[0]{connections}, 0, 'no stream is left');

###############################################################################

sub probe {
	my ($rule, $part, $answer, $value, @lines) = @_;
	my $name = printable(join ' / ', @lines);
	my %o;

	# a request line of one method only
	my $given = @lines == 1 && $part =~ /^(?:method|http)$/ ? $lines[0]
		: \@lines;

	$answer =~ s/%s/$value/;
	$o{head} = 1 if "@lines" eq 'HEAD';
	$o{kept} = 0 if "@lines" =~ /^Connection: close/i;
	($o{key}) = $lines[0] =~ /:\s*(\S+)/ if $part eq 'key' && @lines;
	($o{arg}) = printable($lines[0] =~ /:\s*(.*?)\s*$/)
		if $answer eq 'origin';

	$counted{ reason($answer) }++ if reason($answer);

	$name = substr($name, 0, 80) . '...' if length $name > 80;

	is($p->ask(request('/', $part => $given), %o), expected($answer, %o),
		"$rule: $name: $answer");
}

###############################################################################
