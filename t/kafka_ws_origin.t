#!/usr/bin/perl

# kafka_ws_origin: whose pages may open a stream.

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

use constant { TIME => 10, CRLF => "\x0d\x0a" };

# location, Host, Origin, 1 if it may
my @cases = (
	# the default: the same host and port
	['/', 'example.com', undef, 1],
	['/', 'example.com', 'https://example.com', 1],
	['/', 'example.com', 'http://example.com', 1],
	['/', 'example.com', 'app+x-1.0://example.com', 1],
	['/', 'Example.COM', 'HTTPS://eXample.com', 1],
	['/', 'example.com', 'https://example.com:443', 1],
	['/', 'example.com:443', 'https://example.com', 1],
	['/', 'example.com:80', 'http://example.com', 1],
	['/', 'example.com:80', 'https://example.com:443', 1],
	['/', 'example.com:8080', 'http://example.com:8080', 1],
	['/', 'example.com:8080', 'http://example.com', 0],
	['/', 'example.com', 'http://example.com:8080', 0],
	['/', 'example.com:8080', 'http://example.com:8081', 0],
	['/', 'example.com', 'https://example.com.', 0],
	['/', 'example.com.', 'https://example.com', 0],
	['/', 'example.com', 'https://www.example.com', 0],
	['/', 'www.example.com', 'https://example.com', 0],
	['/', 'example.com', 'https://example.com.evil.org', 0],
	['/', 'example.com', 'https://evil.org', 0],
	['/', '[2001:DB8::1]', 'http://[2001:db8::1]', 1],
	['/', '[::1]:8080', 'http://[::1]:8080', 1],
	['/', '[::1]:8080', 'http://[::1]', 0],
	['/', '[::1]', 'http://[::2]', 0],
	['/', '127.0.0.1:8080', 'http://127.0.0.1:8080', 1],

	# what no browser sends
	(map { ['/', 'example.com', $_, 0] } 'null', 'NULL', '', 'example.com',
		'//example.com', 'https:example.com', 'https:/example.com',
		'https://', 'https://example.com/', 'https://example.com/path',
		'https://example.com?q', 'https://example.com#f',
		'https://user@example.com', 'https://example.com@evil.org',
		'https://example.com evil.org', 'https://example.com,https://x',
		'https://example.com:', 'https://example.com:0',
		'https://example.com:0443', 'https://example.com:65979',
		'https://example.com:443x', 'https://example.com:-1',
		'1https://example.com', '://example.com', 'ht tp://example.com',
		'https://exam%70le.com', "https://example.com\xc3\xa9",
		'https://[::1', 'https://::1', 'https://[]',
		'https://[::1]x'),
	['/', 'example.com:', 'https://example.com', 0],

	# an Origin is asked for
	['/required', 'example.com', undef, 0, 'Origin is missing'],
	['/required', 'example.com', 'https://example.com', 1],
	['/required', 'example.com', 'https://evil.org', 0],
	['/any-required', 'example.com', undef, 0, 'Origin is missing'],
	['/any-required', 'example.com', 'https://evil.org', 1],

	# any
	(map { ['/any', 'example.com', $_, 1] } undef, 'https://evil.org',
		'null', '', 'nonsense'),

	# a list
	['/list', 'example.com', undef, 1],
	['/list', 'example.com', 'https://example.com', 0],
	['/list', 'example.com', 'https://a.org', 1],
	['/list', 'example.com', 'http://A.org:80', 1],
	['/list', 'example.com', 'http://a.org:81', 0],
	['/list', 'example.com', 'https://b.org', 0],
	['/list', 'example.com', 'https://b.org:8443', 1],
	['/list', 'example.com', 'https://xa.org', 0],
	['/list', 'example.com', 'https://a.org.evil.org', 0],
	['/list', 'example.com', 'http://[::1]:3000', 1],
	['/list', 'example.com', 'http://[::1]', 0],
	['/list', 'example.com', 'https://w.org', 0],
	['/list', 'example.com', 'https://.w.org', 0],
	['/list', 'example.com', 'https://x.w.org', 1],
	['/list', 'example.com', 'https://X.Y.W.ORG', 1],
	['/list', 'example.com', 'https://xw.org', 0],
	['/list', 'example.com', 'https://x.w.org:8443', 0],
	['/list', 'example.com', 'https://x.w.org.evil.org', 0],
	['/list', 'example.com', 'null', 0],

	# the same host, and others
	['/both', 'example.com', 'https://example.com', 1],
	['/both', 'example.com', 'https://a.org', 1],
	['/both', 'example.com', 'https://evil.org', 0],

	# a regular expression sees the whole Origin, none that is malformed
	['/regex', 'example.com', 'https://r1.example', 1],
	['/regex', 'example.com', 'HTTPS://R22.example', 1],
	['/regex', 'example.com', 'http://r1.example', 0],
	['/regex', 'example.com', 'https://r1.example:81', 0],
	['/regex', 'example.com', 'https://rx.example', 0],
	['/all', 'example.com', 'https://evil.org', 1],
	['/all', 'example.com', 'null', 0],
	['/all', 'example.com', 'https://evil.org/', 0],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('origin'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(@cases + 10);

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

        location /required {
            kafka_ws         c;
            kafka_ws_origin  required;
        }

        location /any {
            kafka_ws         c;
            kafka_ws_origin  any;
        }

        location /any-required {
            kafka_ws         c;
            kafka_ws_origin  any required;
        }

        location /list {
            kafka_ws         c;
            kafka_ws_origin  A.org b.org:8443 [::1]:3000 *.w.org;
        }

        location /both {
            kafka_ws         c;
            kafka_ws_origin  a.org same;
        }

        location /regex {
            kafka_ws         c;
            kafka_ws_origin  "~^https://r\\d+\\.example\$";
        }

        location /all {
            kafka_ws         c;
            kafka_ws_origin  "~^.*\$";
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

KafkaWS::Client->open($t->port(0), '/')->disconnect();

my $refused = 0;

for (@cases) {
	my ($uri, $host, $origin, $may, $text) = @$_;
	my $r = ask($uri, $host, defined $origin ? "Origin: $origin" : ());
	my $name = printable("$uri $host " . ($origin // 'without'));

	$refused += !$may;

	if ($may) {
		is($r->status, 101, $name);

	} else {
		$text //= 'origin "' . printable($origin)
			. '" is not allowed';
		is($r->status . ' ' . $r->body, "403 $text\n", $name);
	}
}

# several are none

for my $uri ('/', '/any') {
	my $r = ask($uri, 'a', 'Origin: http://a', 'Origin: http://a');

	is($r->status . ' ' . $r->body, "403 Origin is repeated\n",
		"repeated at $uri");
	$refused++;
}

# the order: who asks comes after what is asked

is(ask('/', 'a', 'Origin: http://b', 'Sec-WebSocket-Protocol: a b')->status,
	400, 'a malformed request of another origin');

# what is shown of it is printable, and not long

my $r = ask('/', 'a', "Origin: http://\x1b[31m\x07\\\"\x7f\xff\t<b>");
is($r->body, 'origin "http://\x1b[31m\x07\x5c\x22\x7f\xff\x09<b>"'
	. " is not allowed\n", 'control characters are escaped');

$r = ask('/', 'a', 'Origin: http://' . 'x' x 900);
is($r->status, 403, 'long origin');
cmp_ok(length $r->body, '<', 170, 'not all of it is shown');
like($r->body, qr/xxx\.\.\." is not allowed$/, 'and it says so');
$refused += 2;

ok($t->wait_log(qr/refused with 403: origin "http:\/\/\\x1b\[31m/, TIME),
	'the log has it escaped');
unlike($t->log(), qr/[^\x20-\x7e\x0a\x09]/, 'and nothing else in it');

is($t->status()->{clusters}[0]{refusals}{origin}, $refused,
	'refusals are counted');

###############################################################################

sub ask {
	my ($uri, $host, @headers) = @_;

	return KafkaWS::Client->connect($t->port(0), $uri,
		raw => join CRLF, "GET $uri HTTP/1.1", "Host: $host",
		'Upgrade: websocket', 'Connection: Upgrade',
		'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
		'Sec-WebSocket-Version: 13', @headers, '', '');
}

# as the answer shows it
sub printable {
	my ($text) = @_;

	return $text =~ s/([^\x20-\x7e]|["\\])/sprintf '\x%02x', ord $1/ger;
}

###############################################################################
