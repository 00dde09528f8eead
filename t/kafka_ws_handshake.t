#!/usr/bin/perl

# The opening handshake, RFC 6455, 4.2: what is accepted, what is refused and
# how.

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

use constant {
	TIME => 10,
	CRLF => "\x0d\x0a",
	KEY => 'dGhlIHNhbXBsZSBub25jZQ==',
};

# the headers of a good request, by the names used in the tables below
my %good = (
	host => 'Host: localhost',
	upgrade => 'Upgrade: websocket',
	connection => 'Connection: Upgrade',
	key => 'Sec-WebSocket-Key: ' . KEY,
	version => 'Sec-WebSocket-Version: 13',
);

my $protocol = 'Sec-WebSocket-Protocol: ';
my $extensions = 'Sec-WebSocket-Extensions: ';
my $names = sub { join ',', map { "n$_" } 1 .. $_[0] };

# what a request has instead of a good one's, subprotocol agreed
my @accepted = (
	['a good request'],
	['no content', more => 'Content-Length: 0'],
	['names of any case', upgrade => 'uPGRADE: WebSocket',
		connection => 'CONNECTION: upGRADE',
		key => 'sec-websocket-KEY: ' . KEY,
		version => 'SEC-WEBSOCKET-VERSION: 13'],
	['Firefox', connection => 'Connection: keep-alive, Upgrade'],
	['Connection over two lines',
		connection => [qw(Connection:keep-alive Connection:Upgrade)]],
	['Upgrade over two lines',
		upgrade => [qw(Upgrade:h2c Upgrade:websocket)]],
	['both over two lines, the other order',
		connection => [qw(Connection:Upgrade Connection:keep-alive)],
		upgrade => [qw(Upgrade:websocket Upgrade:h2c)]],
	['lists with blanks and empty elements',
		upgrade => "Upgrade: ,\t h2c/1 ,, websocket\t ,",
		connection => "Connection: , close ,\tUpgrade,"],
	['headers behind a hundred others',
		host => ['Host: a', map { "X-$_: $_" } 1 .. 100]],
	['key of other base64', key => 'Sec-WebSocket-Key: '
		. '+/+/+/+/+/+/+/+/+/+/+w=='],
	['extensions', more => $extensions . 'permessage-deflate; '
		. 'client_max_window_bits, x; a=1; b="c"'],
	['extensions over lines', more => ["${extensions}a", "$extensions, b;c",
		$extensions . 'd ; e = "\f" ,']],
	['subprotocol', more => "${protocol}kafka.json.v1", 'kafka.json.v1'],
	['first of the offer',
		more => "${protocol}kafka.text.v1, kafka.json.v1",
		'kafka.text.v1'],
	['offer over lines', more => ["${protocol}x, y",
		"${protocol},kafka.binary.v1,", "${protocol}kafka.json.v1"],
		'kafka.binary.v1'],
	['unknown offer', more => "${protocol}chat, KAFKA.JSON.V1"],
	['offer of 32', more => $protocol . $names->(31) . ',kafka.text.v1',
		'kafka.text.v1'],
);

# what a request has instead, status, counted as, text
my @refused = (
	['no Upgrade', upgrade => [], 426, 'upgrade',
		'Upgrade does not name websocket'],
	['another Upgrade', upgrade => 'Upgrade: h2c', 426, 'upgrade'],
	['Upgrade with a version', upgrade => 'Upgrade: websocket/13', 426,
		'upgrade'],
	['Upgrade that only begins so', upgrade => 'Upgrade: websockets', 426,
		'upgrade'],
	['Upgrade of two words', upgrade => 'Upgrade: h2c websocket', 426,
		'upgrade'],
	['no Connection', connection => [], 426, 'upgrade',
		'Connection does not name upgrade'],
	['another Connection', connection => 'Connection: keep-alive', 426,
		'upgrade'],
	['Connection of two words', connection => 'Connection: close upgrade',
		426, 'upgrade'],

	['no version', version => [], 426, 'version',
		'Sec-WebSocket-Version is not 13'],
	['version 8', version => 'Sec-WebSocket-Version: 8', 426, 'version'],
	['version 130', version => 'Sec-WebSocket-Version: 130', 426,
		'version'],
	['version 013', version => 'Sec-WebSocket-Version: 013', 426,
		'version'],
	['versions in one line', version => 'Sec-WebSocket-Version: 13, 8', 426,
		'version'],
	['version twice', version => ['Sec-WebSocket-Version: 13',
		'Sec-WebSocket-Version: 13'], 400, 'version',
		'Sec-WebSocket-Version is repeated'],

	['no key', key => [], 400, 'key',
		'Sec-WebSocket-Key is not 16 bytes in base64'],
	['empty key', key => 'Sec-WebSocket-Key:', 400, 'key'],
	['key of 15 bytes', key => 'Sec-WebSocket-Key: '
		. 'dGhlIHNhbXBsZSBub25j', 400, 'key'],
	['key of 17 bytes', key => 'Sec-WebSocket-Key: '
		. 'dGhlIHNhbXBsZSBub25jZWE=', 400, 'key'],
	['key without padding', key => 'Sec-WebSocket-Key: '
		. 'dGhlIHNhbXBsZSBub25jZQ', 400, 'key'],
	['key with padding in it', key => 'Sec-WebSocket-Key: '
		. 'dGhlIHNhb=BsZSBub25jZQ==', 400, 'key'],
	['key of the URL alphabet', key => 'Sec-WebSocket-Key: '
		. 'dGhlIHNhbXBsZSBub2-_ZQ==', 400, 'key'],
	['key twice', key => ['Sec-WebSocket-Key: ' . KEY,
		'Sec-WebSocket-Key: ' . KEY], 400, 'key',
		'Sec-WebSocket-Key is repeated'],

	['body', more => 'Content-Length: 5', 400, 'body',
		'the request has a body'],
	['body in chunks', more => 'Transfer-Encoding: chunked', 400, 'body',
		'the request has a body'],

	(map { ["extensions \"$_\"", more => $extensions . $_, 400, 'upgrade',
		'Sec-WebSocket-Extensions is malformed'] } 'x;', 'x; =1',
		'x; a=', 'x; a=,', 'x; a="', 'x; a="b c"', 'x; a=""',
		'x; a="b\\', 'x; a="b"c', 'x y', '"x"', ';', 'a, b=c',
		"x\x80", "x; a=b; ;"),
	['no extension', more => "$extensions , ,", 400, 'upgrade',
		'Sec-WebSocket-Extensions is empty'],

	(map { ["offer \"$_\"", more => $protocol . $_, 400, 'subprotocol',
		'Sec-WebSocket-Protocol is malformed'] } 'a b', 'a;b', '"a"',
		'kafka.json.v1, b@', "caf\xc3\xa9", 'a/b'),
	['no subprotocol', more => $protocol, 400, 'subprotocol',
		'Sec-WebSocket-Protocol is empty'],
	['30 kB of commas', more => $protocol . ',' x 30000, 400,
		'subprotocol',
		'Sec-WebSocket-Protocol is empty'],
	['subprotocol twice', more => "${protocol}a, kafka.json.v1, a", 400,
		'subprotocol', 'Sec-WebSocket-Protocol has a name twice'],
	['twice, over lines', more => ["${protocol}kafka.json.v1",
		"${protocol}kafka.json.v1"], 400, 'subprotocol'],
	['offer of 33', more => $protocol . $names->(32) . ',kafka.text.v1',
		400, 'subprotocol',
		'Sec-WebSocket-Protocol has too many names'],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('handshake'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(@accepted + @refused + 36);

$t->write_file_expand('nginx.conf', <<"EOT");

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

    large_client_header_buffers  4 32k;
    kafka_ws_format              json text binary;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location /text-first {
            kafka_ws         c;
            kafka_ws_format  text json;
        }

        location /one {
            kafka_ws         c;
            kafka_ws_format  json;
        }

        location /pages {
            kafka_ws    c;
            error_page  403 426 /sorry;
            error_page  405 =200 /sorry;
        }

        location = /sorry {
            internal;
            return  200 "sorry";
        }

        location /gone {
            error_page  404 /;
            return      404;
        }

        location /gone-for-good {
            recursive_error_pages  on;
            error_page             404 \@stream;
            return                 404;
        }

        location /tried {
            try_files  /nothing \@stream;
        }

        location \@stream {
            kafka_ws  c;
        }

        location /asked {
            auth_request  /;
        }

        location /filtered {
            kafka_ws  c;

            gzip              on;
            gzip_types        *;
            gzip_min_length   0;
            gzip_vary         on;
            charset           utf-8;
            charset_types     *;
            ssi               on;
            ssi_types         *;
            sub_filter        value VALUE;
            sub_filter_types  *;
            sub_filter_once   off;
            add_before_body   /sorry;
            addition_types    *;
            expires           1h;
            add_header        X-Always yes always;
            limit_rate        1;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }

    server {
        listen  127.0.0.1:%%PORT_1%% http2;

        location / {
            kafka_ws  c;
        }
    }
}

EOT

$t->write_file('asked', 'asked')->run();

###############################################################################

my $port = $t->port(0);

# topics are known from here on

KafkaWS::Client->open($port, '/')->disconnect();

for (@accepted) {
	my ($name, @case) = @$_;
	my $agreed = @case % 2 ? pop @case : undef;
	my $c = ask('/', @case);

	is($c->status == 101 ? $c->protocol : $c->body, $agreed, $name);
}

is(ask('/')->response->header('Sec-WebSocket-Accept'),
	's3pPLMBiTxaQ9kYGzzhZRbK+xOo=', 'the answer to the key of RFC 6455');
like(ask('/')->response->raw, qr{^HTTP/1\.1 101 Switching Protocols\x0d},
	'its first line');

# refusals

my %counted;

for (@refused) {
	my ($name, $part, $value, $status, $reason, $text) = @$_;
	my $r = ask('/', $part => $value);

	$counted{$reason}++;

	my @got = ($r->status, $r->header('Upgrade'),
		$r->header('Sec-WebSocket-Version'),
		(grep { /upgrade/i } $r->header('Connection')),
		$r->header('Content-Type'));
	my @expected = ($status, $status == 426
		? qw(websocket 13 Upgrade) : (), 'text/plain');

	push @got, $r->body if defined $text;
	push @expected, "$text\n" if defined $text;

	# names of tests are to be printable
	$name =~ s/([^\x20-\x7e])/sprintf '\x%02x', ord $1/ge;
	is_deeply(\@got, \@expected, $name);
}

my $r = ask('/', method => 'POST');
is($r->status . ' ' . $r->header('Allow'), '405 GET', 'POST');
is(ask('/', method => 'PUT', version => [])->status, 405,
	'the method comes first');
is($t->http_get('/', method => 'HEAD')->status, 405, 'HEAD');
is(ask('/', http => 'HTTP/1.0')->status, 400, 'HTTP/1.0');
is(ask('/', http => 'HTTP/1.0')->body, "a WebSocket needs HTTP/1.1\n",
	'HTTP/1.0 is told why');
is(ask('/', more => "Transfer-Encoding: chunked",
	body => '5' . CRLF . 'hello' . CRLF . '0' . CRLF . CRLF)->status, 400,
	'body in whole chunks');
is(ask('/', more => 'Content-Length: 1000000', body => 'x')->status, 400,
	'body that does not come');

$counted{method} += 3;
$counted{version} += 2;
$counted{body} += 2;

# what is refused leaves the connection in order

my $talk = talk(request('/', version => []) . request('/'), qr/ 101 /);
like($talk, qr/^HTTP\S+ 426 .*HTTP\S+ 101 /s,
	'a good request after a refused one');
$counted{version}++;

$talk = talk(request('/', more => 'Content-Length: 3') . 'abc'
	. request('/'), undef);
unlike($talk, qr/ 101 /, 'none after one with a body');
$counted{body}++;

is_deeply(refusals(), \%counted, 'refusals are counted by reason');

# bytes that come with the request are frames

my $c = ask('/', body => KafkaWS::WebSocket::frame(9, 'early'));
$c->wait_event('start', TIME);
is($c->wait_pong(TIME), 'early', 'a ping in the packet of the request');

# formats

$c = KafkaWS::Client->open($port, '/text-first', format => 'text');
is($c->protocol, undef, 'without an offer no subprotocol');
my $json = KafkaWS::Client->open($port, '/text-first',
	subprotocol => ['kafka.binary.v1', 'kafka.json.v1']);
is($json->protocol, 'kafka.json.v1', 'the first that the location allows');
my $one = KafkaWS::Client->open($port, '/one',
	subprotocol => 'kafka.text.v1');
is($one->protocol, undef, 'one that the location does not allow');

my $filtered = KafkaWS::Client->open($port, '/filtered',
	headers => ['Accept-Encoding' => 'gzip']);
$_->wait_event('start', TIME) for $json, $one, $filtered;
$b->produce($topic, 'the value');

is($c->next_message(TIME)->{payload}, 'the value',
	"the location's first format");
is(($json->records(1, TIME))[0]{value}, 'the value', 'that of the offer');
is(($one->records(1, TIME))[0]{value}, 'the value', 'the only one');

# filters of other modules keep off

is(($filtered->records(1, TIME))[0]{value}, 'the value',
	'records pass by all filters');
is($filtered->response->header('X-Always'), 'yes', 'add_header always');
is($filtered->response->header('Expires'), undef, 'no caching');
is($filtered->response->header('Vary'), undef, 'no Vary');

# not the client's own request

like($t->http_get('/gone', headers => [ws()])->body, qr/400 Bad Request/,
	'after error_page no stream');
isnt($t->http_get('/gone-for-good', headers => [ws()])->status, 101,
	'nor after a recursive one');
is(ask('/tried')->status, 101, 'after try_files a stream');
is($t->http_get('/asked', headers => [ws()])->status, 500,
	'no stream in a subrequest');

# pages of the location's own

$r = ask('/pages', version => []);
is($r->status . ' ' . $r->body, '426 sorry', 'error_page');
is($r->header('Sec-WebSocket-Version'), 13, 'the headers stay');
is(ask('/pages', method => 'DELETE')->status, 200, 'error_page with =');
is(ask('/pages', key => [])->body,
	"Sec-WebSocket-Key is not 16 bytes in base64\n",
	'no error_page for this one');

# HTTP/2

my ($status, $body) = http2('GET');
is($status, 400, 'HTTP/2');
is($body, "a WebSocket needs HTTP/1.1\n", 'HTTP/2 is told why');
is((http2('POST'))[0], 405, 'POST over HTTP/2');

# the error log

like($t->log(), qr/\[info\].*kafka ws refused with 426: Sec-WebSocket-Ver/,
	'refusals are logged');
unlike($t->log(), qr/caf|\xc3\xa9/, 'the offer is not');

###############################################################################

# case: what the request has instead; method, http, more and body besides
sub request {
	my ($uri, %case) = @_;
	my @headers = map { $case{$_} // $good{$_} }
		qw(host upgrade connection key version);

	push @headers, $case{more} // [];

	return join CRLF, ($case{method} // 'GET') . " $uri "
		. ($case{http} // 'HTTP/1.1'),
		(map { ref $_ ? @$_ : $_ } @headers), '', $case{body} // '';
}

sub ask {
	my ($uri, @case) = @_;

	return KafkaWS::Client->connect($port, $uri, auto_close => 0,
		raw => request($uri, @case));
}

sub ws {
	return map { split /:\s*/, $_, 2 } @good{qw(upgrade connection key
		version)};
}

# all that comes, up to what matches or to the end
sub talk {
	my ($bytes, $match) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")
		or die "connect: $!\n";
	my $select = IO::Select->new($s);
	my $got = '';

	syswrite $s, $bytes;

	while (!defined $match || $got !~ $match) {
		$select->can_read(TIME) or die "no answer: $got\n";
		sysread $s, $got, 4096, length $got or last;
	}

	return $got;
}

sub refusals {
	my $refusals = $t->status()->{clusters}[0]{refusals};

	# before topics are known, and none else
	delete $refusals->{not_ready};

	return { map { $refusals->{$_} ? ($_ => $refusals->{$_}) : () }
		keys %$refusals };
}

# one request over HTTP/2, without TLS; returns: status, body
sub http2 {
	my ($method) = @_;
	my %method = (GET => "\x82", POST => "\x83");
	my %static = (0x8c => 400, 0x88 => 200, 0x8d => 404);
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $t->port(1))
		or die "connect: $!\n";
	my $select = IO::Select->new($s);
	my ($buf, $status, $body) = ('', undef, '');

	# RFC 9113, 3.4; RFC 7541, appendix A: http, "/", authority "a"
	syswrite $s, "PRI * HTTP/2.0\x0d\x0a\x0d\x0aSM\x0d\x0a\x0d\x0a"
		. h2_frame(4, 0, 0, '')
		. h2_frame(1, 5, 1, "$method{$method}\x86\x84\x01\x01a");

	while (1) {
		$select->can_read(TIME) or die "no answer over HTTP/2\n";
		sysread $s, $buf, 4096, length $buf
			or die "the connection ended\n";

		while (length $buf >= 9) {
			my ($high, $low, $type, $flags, $stream)
				= unpack 'CnCCN', $buf;
			my $len = $high << 16 | $low;

			last if length $buf < 9 + $len;

			my $payload = substr $buf, 9, $len;
			substr $buf, 0, 9 + $len, '';

			next if $stream != 1;

			if ($type == 1) {
				# indexed, or a literal without Huffman
				$status = $static{ ord $payload };
				$status //= $1 if $payload
					=~ /^[\x08\x48]\x03(\d{3})/;
				$status //= unpack 'H*', $payload;
			}

			$body .= $payload if $type == 0;

			return ($status, $body) if $type <= 1 && $flags & 1;
		}
	}
}

sub h2_frame {
	my ($type, $flags, $stream, $payload) = @_;

	return pack('CnCCN', length($payload) >> 16, length($payload) & 0xffff,
		$type, $flags, $stream) . $payload;
}

###############################################################################
