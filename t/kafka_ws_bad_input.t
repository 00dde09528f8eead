#!/usr/bin/perl

# Bad input of every kind gets its documented answer, and a stream beside it
# loses nothing.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use IO::Socket::INET;
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for now);

use constant TIME => 10;

# request, status, header that goes with it, text

my @cases = (
	['POST', { method => 'POST', headers => ['Content-Length', 0] }, 405,
		'Allow: GET', 'the method is not GET'],
	['HEAD', { raw => "HEAD / HTTP/1.1\x0d\x0aHost: a\x0d\x0a"
		. "Connection: close\x0d\x0a\x0d\x0a" }, 405, 'Allow: GET'],
	['HTTP/1.0', { http => 'HTTP/1.0' }, 400, undef,
		'a WebSocket needs HTTP/1.1'],
	['wrong version', { version => 12 }, 426, 'Sec-WebSocket-Version: 13',
		'Sec-WebSocket-Version is not 13'],
	['no upgrade', { raw => "GET / HTTP/1.1\x0d\x0aHost: a\x0d\x0a"
		. "Connection: close\x0d\x0a\x0d\x0a" }, 426,
		'Upgrade: websocket', 'Upgrade does not name websocket'],
	['body', { headers => ['Content-Length', 3], body => 'abc' }, 400,
		undef, 'the request has a body'],
	['chunked body', { headers => ['Transfer-Encoding', 'chunked'],
		body => "0\x0d\x0a\x0d\x0a" }, 400, undef,
		'the request has a body'],
	['subprotocol twice', { subprotocol => ['kafka.json.v1',
		'kafka.json.v1'] }, 400],
	['subprotocol no token', { headers => ['Sec-WebSocket-Protocol',
		'a b'] }, 400],
	['topic unknown', { uri => '/topic/none' }, 404, undef,
		'topic "none" is not streamed here'],
	['topic of Kafka', { uri => '/topic/__consumer_offsets' }, 404, undef,
		'topic "__consumer_offsets" is not streamed here'],
	['topic with an escape', { uri => '/topic/%1b[31m%0a%22' }, 404, undef,
		'topic "\x1b[31m\x0a\x22" is not streamed here'],
	['topic too long', { uri => '/topic/' . 'a' x 300 }, 404],
	['partition no number', { uri => '/?partition=x' }, 400, undef,
		qr/^partitions: .* at byte 0$/],
	['partition range turned', { uri => '/?partition=2-1' }, 400, undef,
		qr/^partitions: /],
	['partition that is not there', { uri => '/?partition=9' }, 404,
		undef, 'the topic has no such partition'],
	['cursor no cursor', { uri => '/?cursor=x' }, 400, undef,
		qr/^cursor: .* at byte 0$/],
	['cursor without an offset', { uri => '/?cursor=0:1,1' }, 400, undef,
		qr/^cursor: .* at byte 5$/],
	['cursor names one twice', { uri => '/?cursor=0:1,0:2' }, 400, undef,
		qr/^cursor: .* at byte 4$/],
	['cursor beyond 2^63', { uri => '/?cursor=0:9223372036854775808' },
		400, undef, qr/^cursor: .* at byte 2$/],
	['cursor of a foreign partition', { uri => '/?cursor=7:1' }, 400,
		undef, 'cursor: partition "7" is not streamed here'],
	['start', { uri => '/?start=tail=0' }, 400, undef, qr/^start: /],
	['origin', { origin => 'http://evil.example' }, 403, undef,
		'origin "http://evil.example" is not allowed'],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('bad'), partitions => 2);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(@cases + 12);

$t->write_file_expand('nginx.conf', conf(''))->run();

###############################################################################

my $stream = KafkaWS::Client->open($t->port(0), '/');

$stream->wait_event('start', TIME);

for my $case (@cases) {
	my ($name, $o, $status, $header, $text) = @$case;
	my $r = KafkaWS::Client->connect($t->port(0), $o->{uri} // '/', %$o);
	my ($key, $value) = split /: /, $header // '';

	$text = qr/^\Q$text\E$/ if defined $text && !ref $text;

	ok($r->status == $status
		&& (!defined $key || ($r->header($key) // '') eq $value)
		&& (!defined $text || $r->body =~ /$text/), $name)
		or diag($r->status == 101 ? 'accepted' : $r->raw);
}

# a cursor from the future is no error: the position does not exist

my $c = KafkaWS::Client->open($t->port(0), '/?cursor=0:99,1:0');

is_deeply($c->wait_event('start', TIME)->{partitions}, [
	{ partition => 0, offset => 0, state => 'reset' },
	{ partition => 1, offset => 0, state => 'resumed' } ],
	'cursor from the future');

# HTTP/2, over which there is no upgrade in nginx

is(h2_status('/'), 400, 'HTTP/2');
is(h2_status('/static'), 200, 'HTTP/2 beside it');

# what no request is: nginx answers

like(KafkaWS::Client->connect($t->port(0), '/', raw =>
	"\x81\x80mask\x0d\x0a\x0d\x0a")->raw, qr/^HTTP\/1\.1 400 /,
	'a frame without a request');

# configurations

for my $case (
	['bad property', 'property no.such.thing 1;', qr/no\.such\.thing/],
	['bad value of a property', 'property fetch.min.bytes many;',
		qr/fetch\.min\.bytes/],
	['property that runs a shell',
		'property sasl.kerberos.kinit.cmd /bin/sh;',
		qr/sasl\.kerberos\.kinit\.cmd/],
	['zone of one page', 'zone z 4k;', qr/zone "z" is too small/])
{
	my ($name, $more, $said) = @$case;
	my ($code, $out) = $t->conf_test(conf($more));

	ok($code != 0 && $out =~ $said, $name) or diag($out);
}

# a directory that cannot be made: its parent is a file

$t->write_file('file', '');

my $conf = conf('');

$conf =~ s/kafka_ws_cluster/client_body_temp_path %%TESTDIR%%\/file\/x;\n$&/;
$conf =~ s/%%GLOBALS_HTTP%%/access_log off;/;

my ($code, $out) = $t->conf_test($conf);

ok($code != 0 && $out =~ m{\[emerg\] mkdir\(\) "\S+/file/\S+" failed},
	'directory that cannot be made') or diag($out);

# nothing of all that was lost on the stream

$b->produce($topic, { partition => $_ % 2, value => $_ }) for 1 .. 4;
is(join(' ', sort map { $_->{value} } $stream->records(4, TIME)), '1 2 3 4',
	'the stream has it all');
ok(!$stream->{close}, 'and goes on');

my @said = grep { /\[(?:info|notice|warn|error)\]/ } split /\n/, $t->log();

is(scalar(grep { /[\x00-\x1f\x7f]/ } @said), 0,
	'no control characters in the log');

###############################################################################

sub conf {
	my ($more) = @_;
	my $zone = $more =~ /zone/ ? '' : 'zone c 16m;';

	return <<"EOT";

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        property  fetch.wait.max.ms 5;
        $zone
        $more
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;
        listen  127.0.0.1:%%PORT_1%% http2;

        location / {
            kafka_ws            c;
            kafka_ws_topic      $topic;
            kafka_ws_partition  \$partition;
            kafka_ws_start      \$arg_start;

            set  \$partition 0-1;

            if (\$arg_partition) {
                set  \$partition \$arg_partition;
            }
        }

        location ~ ^/topic/(?<name>(?s:.*))\$ {
            kafka_ws        c;
            kafka_ws_topic  \$name;
        }

        location = /static {
            return  200;
        }
    }
}

EOT
}

# a request in frames of RFC 9113, with headers of the static table
# (RFC 7541, appendix A); returns: the status
sub h2_status {
	my ($uri) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $t->port(1)) or die "connect: $!\n";
	my $headers = "\x82\x86\x04" . chr(length $uri) . $uri
		. "\x41\x09localhost";
	my $deadline = now() + TIME;
	my $buf = '';
	my %status = ("\x88" => 200, "\x8c" => 400, "\x8d" => 404,
		"\x8e" => 500);

	syswrite $s, "PRI * HTTP/2.0\x0d\x0a\x0d\x0aSM\x0d\x0a\x0d\x0a"
		. h2_frame(4, 0, 0, '') . h2_frame(1, 5, 1, $headers);

	while (now() < $deadline) {
		while (length $buf >= 9) {
			my ($high, $low, $type) = unpack 'C n C', $buf;
			my $len = $high << 16 | $low;

			last if length $buf < 9 + $len;

			my $payload = substr substr($buf, 0, 9 + $len, ''), 9;

			next if $type != 1;

			# after an update of the table's size, if any
			$payload =~ s/^[\x20-\x3e]|^\x3f[\x80-\xff]*.//s;

			return $status{ substr $payload, 0, 1 }
				// unpack 'H*', $payload;
		}

		last unless IO::Select->new($s)->can_read(TIME)
			&& sysread $s, $buf, 65536, length $buf;
	}

	return 'no answer';
}

sub h2_frame {
	my ($type, $flags, $stream, $payload) = @_;

	return substr(pack('N', length $payload), 1)
		. pack('C C N', $type, $flags, $stream) . $payload;
}

###############################################################################
