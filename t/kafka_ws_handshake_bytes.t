#!/usr/bin/perl

# The bytes of HTTP around a handshake: every byte in every header, line
# ends, long and many lines, addresses, expectations and bodies.

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
use KafkaWS::Probe qw(request expected upgraded refused by_nginx
	printable);

use constant {
	CRLF => "\x0d\x0a",
	KEY => 'dGhlIHNhbXBsZSBub25jZQ==',
	# bytes of a long line that nginx logs
	LOGGED => 2048 - 300,
};

my $token = qr/[!#\$%&'*+\-.^_`|~0-9A-Za-z]/;

# Header, part, value with %s for the byte, the refusal of a byte, and which
# bytes are none.  nginx takes a CR before the CR and LF of a line away.
my @headers = (
	['Upgrade', upgrade => 'websocket%s', upgrade => qr/[ \t,\x0d]/],
	['Connection', connection => 'upgrade%s', connection => qr/[ \t,\x0d]/],
	['Sec-WebSocket-Key', key => 'dGhl%sHNhbXBsZSBub25jZQ==',
		key => qr{[A-Za-z0-9+/]}],
	['Sec-WebSocket-Version', version => '13%s', version => qr/[ \t\x0d]/],
	['Sec-WebSocket-Protocol', more => 'a%sb', protocols => qr/$token|,/],
	['Sec-WebSocket-Extensions', more => 'a%sb',
		extensions => qr/$token|[,;]/],
	['Origin', more => 'http://localhost%s', origin => qr/[ \t\x0d]/],
	['X-Other', more => 'a%sb', '', qr/[^\0\x0d]/],
);

# What a header line may be, up to 8192 bytes with its end.
my %long = (
	'X-Other' => ['101', 'x'],
	'Origin' => ['origin', 'x'],
	'Sec-WebSocket-Protocol' => ['101', 'x'],
	'Sec-WebSocket-Extensions' => ['101', 'x'],
	'Upgrade' => ['101', ','],
	'Connection' => ['101', ','],
);

my $bad = 'nginx 400: client sent invalid request';

# address, answer, Host
my @uris = (
	['http://localhost/', '101'],
	['HTTP://LOCALHOST:80/', '101'],
	['ws://localhost/', '101'],
	['wss://other:443/', '101'],
	['http://other/?a=b', '101'],
	['http://localhost', '101'],
	['http://', 'nginx 400: client sent invalid host in request line'],
	['http:///', 'nginx 400: client sent invalid host in request line'],
	['http:/localhost/', $bad], ['//localhost/', '101'],
	['localhost:80', $bad], ['*', $bad], ['', $bad], ['?', $bad],
	['a', $bad], ['\\', $bad],
	['/%', $bad], ['/%0', $bad], ['/%zz', $bad], ['/%00', $bad],
	['/..', $bad], ['/../', $bad], ['/%2e%2e/', $bad], ['/a/../..', $bad],
	["/\x01", $bad], ["/\x1b[31m", $bad], ["/\x7f", $bad], ["/\t", $bad],
	['/a b', $bad], ["/a\0b", $bad],
	['/.', '101'], ['/a/..', '101'], ['/a/../b', '101'], ['//', '101'],
	['/%61', '101'], ['/%0d%0a', '101'], ['/%1b[31m', '101'],
	['/%ff', '101'], ["/\x80\xff", '101'], ['/a%2fb', '101'],
	['/#x', '101'], ['/?', '101'], ['/?a', '101'], ["/?\xff", '101'],
	['/?' . 'a' x 8000, '101'],
	['/' . 'a' x 8176, '101'],
	['/' . 'a' x 8177, 'nginx 414: client sent too long URI'],
	['/%2561fter', '101'],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('bytes'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(@headers + 3 * keys(%long)
	+ @uris + 47);

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

    server_tokens                off;
    keepalive_timeout            60s;
    large_client_header_buffers  4 8k;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location /pages {
            kafka_ws    c;
            error_page  405 426 /sorry;
        }

        location /read {
            kafka_ws    c;
            error_page  405 = \@proxied;
        }

        location \@proxied {
            rewrite     ^ /after break;
            proxy_pass  http://127.0.0.1:%%PORT_0%%;
        }

        location = /sorry {
            internal;
            return  200 "sorry";
        }

        location = /after {
            return  200 "after";
        }
    }
}

EOT

###############################################################################

KafkaWS::Client->open($t->port(0), '/')->disconnect();

my $p = KafkaWS::Probe->new($t);

# every byte but LF, which ends the line

for (@headers) {
	my ($name, $part, $value, $refusal, $good) = @$_;
	my @wrong;

	for my $byte (grep { $_ != 10 } 0 .. 255) {
		my $ch = chr $byte;
		my $line = "$name: " . ($value =~ s/%s/$ch/r);
		my ($answer, %o) = ($refusal);

		if ($ch =~ /^(?:$good)$/s) {
			$answer = '101';
			$o{key} = $line =~ s/.* //r if $part eq 'key';

		} elsif ($ch =~ /^[\0\x0d]$/) {
			# what nginx has read of the line, escaped by it
			my ($until) = $line =~ /^(.*?)[\0\x0d]/s;
			my $seen = sprintf '%s\x%02x...', $until, $byte;

			$answer = 'nginx 400: client sent invalid header line:'
				. " \"$seen\"";
		}

		$o{arg} = printable("http://localhost$ch")
			if $answer eq 'origin';
		push @wrong, printable($ch) . ': ' . $answer
			if differ(request('/', $part => $line),
				expected($answer, %o));
	}

	is(join("\n", @wrong), '', "each byte in $name");
}

# the ends of lines, blanks and empty lines

ask('lines that end by LF', request('/', eol => "\n"), upgraded());
ask('some lines do', request('/', more => "A: b\nC: d"), upgraded());
ask('CR before CRLF', request('/', more => "A: b\x0d"), upgraded());
ask('CR in a line', request('/', more => "A: b\x0dC: d"),
	invalid('A: b\x0d'));
ask('empty lines before it', CRLF x 20 . request('/'), upgraded());
ask('LF before it', "\n" . request('/'), upgraded());
ask('blank before it', ' ' . request('/'),
	by_nginx(400, 'client sent invalid method'));
ask('two blanks in the line', request('  /'), upgraded());
ask('two blanks behind the address', request('/ '), upgraded());
ask('blanks behind the line', request('/', http => 'HTTP/1.1   '),
	upgraded());
ask('a folded line', request('/', more => ['A: b', ' c']),
	invalid('\x20'));
ask('folded by a tab', request('/', more => ['A: b', "\tc"]),
	invalid('\x09'));
ask('folded key', request('/', key => ['Sec-WebSocket-Key:', ' ' . KEY]),
	invalid('\x20'));
ask('folded at once', request('/', host => [' Host: a']),
	invalid('\x20'));
ask('blank before a colon', request('/', more => 'A : b'),
	invalid('A\x20'));
ask('no name', request('/', more => ': b'), invalid('\x3a'));
ask('no colon', request('/', more => 'A'), upgraded());
ask('NUL in a name', request('/', more => "A\0: b"), invalid('A\x00'));
ask('names with other bytes count for nothing', request('/',
	key => 'Sec_WebSocket_Key: ' . KEY), with_line(refused('key'),
	'client sent invalid header line: "Sec_WebSocket_Key: ' . KEY . '"'));
ask('nor do they harm', request('/', more => 'A(B): c'),
	with_line(upgraded(), 'client sent invalid header line: "A(B): c"'));

# long lines, up to a buffer of large_client_header_buffers and beyond

for my $name (sort keys %long) {
	my ($answer, $fill) = @{ $long{$name} };
	my %part = (Upgrade => 'upgrade', Connection => 'connection');
	my %tail = (Upgrade => 'websocket', Connection => 'upgrade');
	my $tail = $tail{$name} // '';

	for my $length (4096, 8192, 8193) {
		my $room = $length - length("$name: $tail" . CRLF);
		my $line = "$name: " . $fill x $room . $tail;
		my %o;

		# 128 bytes are shown of what is untrusted
		$o{arg} = 'x' x 125 . '...' if $answer eq 'origin';

		ask("$name of $length bytes",
			request('/', $part{$name} // 'more', $line),
			$length > 8192 ? by_nginx(494, 'client sent too long '
				. 'header line: "' . substr($line, 0, LOGGED)
				. '..."') : expected($answer, %o));
	}
}

ask('900 headers', request('/', more => [map { "X: $_" } 1 .. 900]),
	upgraded());

# Debian's nginx counts them, others run out of buffers
like($p->ask(request('/', more => [map { "X: $_" } 1 .. 5000])),
	qr/^HTTP\/1\.1\ 400\ .*\ Too\ Large<.*\nthen:\ closed\n
	\[info\]\ client\ sent\ too\ (?:many|long)\ header\ line[^\n]*$/xs,
	'5000 headers');
like($p->ask(request('/', more => 'x' x 9000)),
	qr/^HTTP\/1.1 400 .* Too Large<.*\nthen: closed\n/s, 'a long name');

# addresses

for (@uris) {
	my ($uri, $answer) = @$_;
	my $name = substr printable($uri), 0, 60;

	ask("\"$name\"", request($uri), expected($answer));
}

like($p->ask(request('http://localhost/after')), qr/\nbody: after\n/,
	'an absolute address finds its location');
like($p->ask(request('/%61fter')), qr/\nbody: after\n/,
	'and so does an encoded one');
ask('Origin is compared with Host, not with the address',
	request('http://other/', more => 'Origin: http://other'),
	refused('origin', arg => 'http://other'));

# the oldest form of a request has an answer without a header

ask('HTTP/0.9', 'GET /' . CRLF, 'a WebSocket needs HTTP/1.1\x0a' . "\n"
	. "then: end\n[info] kafka ws refused with 400: "
	. 'a WebSocket needs HTTP/1.1');

# expectations: 100 comes before the 101 and never before a refusal

my $expect = 'Expect: 100-continue';

ask('100-continue', request('/', more => $expect),
	upgraded(first => ['HTTP/1.1 100 Continue']));
ask('100-Continue', request('/', more => 'Expect: 100-Continue'),
	upgraded(first => ['HTTP/1.1 100 Continue']));
ask('another expectation', request('/', more => 'Expect: magic'),
	upgraded());
ask('expecting, without a key', request('/', key => [], more => $expect),
	refused('key'));
ask('expecting, of another version', request('/', version => [],
	more => $expect), refused('version'));
ask('expecting, with a body', request('/', more => [$expect,
	'Content-Length: 5']), refused('body'));
ask('expecting, POST', request('/', method => 'POST', more => [$expect,
	'Content-Length: 5']), refused('method', kept => 0));
ask('expecting, HTTP/1.0', request('/', http => 'HTTP/1.0',
	more => $expect), refused('http'));

# with pages of the location's own, which may want the body

like($p->ask(request('/pages', version => [], more => $expect)),
	qr/^HTTP\/1\.1\ 426\ .*\nbody:\ sorry\n
	then:\ kept\n\[info\]\ kafka\ ws\ refused\ with\ 426:[^\n]*$/xs,
	'expecting, with a page of its own');
ask('POST with a body, to a page that reads it', request('/read',
	method => 'POST', more => 'Content-Length: 5', body => 'hello'),
	join "\n", 'HTTP/1.1 200 OK', 'Allow: GET', 'Connection: keep-alive',
	'Content-Length: 5', 'Content-Type: text/plain', 'Server: nginx',
	'body: after', 'then: kept',
	'[info] kafka ws refused with 405: the method is not GET');

# bodies are not read as requests, and no fault in them is logged

my $next = 'GET /after HTTP/1.1' . CRLF . 'Host: a' . CRLF . CRLF;

for my $method ('GET', 'POST') {
	my @answer = $method eq 'GET' ? 'body' : ('method', kept => 0);

	ask("$method with a body that looks like a request", request('/',
		method => $method, body => $next,
		more => 'Content-Length: ' . length $next), refused(@answer));
	ask("$method with a body, and a request behind it", request('/',
		method => $method, more => 'Content-Length: 1',
		body => 'x' . $next), refused(@answer));
	ask("$method with a body that does not come", request('/',
		method => $method, more => 'Content-Length: 1000000',
		body => 'x'), refused(@answer));
	ask("$method with chunks, and a request behind them", request('/',
		method => $method, more => 'Transfer-Encoding: chunked',
		body => "1\x0d\x0ax\x0d\x0a0\x0d\x0a\x0d\x0a$next"),
		refused(@answer));
	ask("$method with broken chunks", request('/', method => $method,
		more => 'Transfer-Encoding: chunked', body => "x\x0d\x0a"),
		refused(@answer));
}

###############################################################################

sub ask {
	my ($name, $bytes, $expected) = @_;

	is($p->ask($bytes), $expected, $name);
}

sub differ {
	my ($bytes, $expected) = @_;
	my $got = $p->ask($bytes);

	return 0 if $got eq $expected;

	diag("got: $got\nexpected: $expected");
	return 1;
}

sub invalid {
	my ($seen) = @_;

	return by_nginx(400, "client sent invalid header line: \"$seen...\"");
}

# nginx says something before
sub with_line {
	my ($answer, $said) = @_;

	return $answer =~ s/(\nthen: [^\n]*)/$1\n[info] $said/r;
}

###############################################################################
