#!/usr/bin/perl

# The harness itself: the client finds what a server must never send, and the
# hidden checks of a plan find what a test must never leave.

# brokers: none

###############################################################################

use warnings;
use strict;

use Digest::SHA qw(sha1_base64);
use IO::Socket::INET;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;

use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Pace qw(within amount);
use KafkaWS::Probe;

###############################################################################

my $start = text('{"event":"start","partitions":[{"partition":0,"offset":5,'
	. '"state":"start"},{"partition":1,"offset":0,"state":"start"}]}');

my @bad_frames = (
	[qr/masked/, "\x81\x82abcdxy"],
	[qr/reserved bits 4/, "\xc1\x01x"],
	[qr/fragmented/, "\x01\x01x"],
	[qr/opcode 3/, "\x83\x01x"],
	[qr/opcode 0/, "\x80\x01x"],
	[qr/length 5 in 16 bits/, "\x81\x7e\x00\x05hello"],
	[qr/length 300 in 64 bits/, "\x81\x7f" . pack('Q>', 300) . 'x' x 300],
	[qr/not UTF-8/, "\x81\x03\xed\xa0\x80"],
	[qr/not UTF-8/, "\x81\x02\xc0\x80"],
	[qr/control frame of 126/, "\x89\x7e\x00\x7e" . 'x' x 126],
	[qr/body of one byte/, "\x88\x01x"],
	[qr/code 1005/, "\x88\x02\x03\xed"],
	[qr/reason is not UTF-8/, "\x88\x03\x03\xe8\xff"],
	[qr/no start event/, record(0, 5)],
	[qr/no start event announced/, $start . record(2, 0)],
	[qr/out of order/, $start . record(0, 4)],
	[qr/out of order/, $start . record(0, 5) . record(0, 5)],
	[qr/out of order/, $start . gap(0, 5, 9) . record(0, 9)],
	[qr/gap from 9 to 5/, $start . gap(0, 9, 5)],
	[qr/after the server's Close/, $start . "\x88\x00" . record(0, 5)],
	[qr/binary frame/, "\x82\x01x"],
	[qr/json/, text('[]')],
);

my @bad_heads = (
	[qr/wrong Sec-WebSocket-Accept/,
		sub { $_[0] =~ s/Accept: ./Accept: =/ }],
	[qr/2 Upgrade headers/, sub { $_[0] =~ s/^(Upgrade.*\n)/$1$1/m }],
	[qr/0 Connection headers/, sub { $_[0] =~ s/^Connection.*\n//m }],
	[qr/Upgrade: h2c/, sub { $_[0] =~ s/websocket/h2c/ }],
	[qr/with Content-Length/, sub { $_[0] .= "Content-Length: 0\x0d\x0a" }],
	[qr/with subprotocol b/,
		sub { $_[0] .= "Sec-WebSocket-Protocol: b\x0d\x0a" }],
	[qr/extensions/,
		sub { $_[0] .= "Sec-WebSocket-Extensions: x\x0d\x0a" }],
);

my $t = KafkaWS::Nginx->new()->plan(36 + @bad_frames + @bad_heads);

###############################################################################

# what a server must not send

for my $case (@bad_frames) {
	my ($text, $bytes) = @$case;
	my $c = KafkaWS::Client->open(server($bytes), '/');

	eval { 1 while $c->next_json(2); $c->wait_eof(2) };
	like($@, $text, "found: $text");
}

for my $case (@bad_heads) {
	my ($text, $spoil) = @$case;

	eval { KafkaWS::Client->connect(server('', $spoil), '/',
		subprotocol => 'a') };
	like($@, $text, "found: $text");
}

# what it may send

my $c = KafkaWS::Client->open(server($start . record(0, 5) . record(1, 0)
	. gap(0, 6, 8) . record(1, 9007199254740993) . record(0, 9)
	. "\x89\x02hi" . "\x88\x06\x03\xf4back"), '/');

is($c->cursor, '', 'no position yet');

my $r = $c->next_record(5);
is("$r->{partition} $r->{offset}", '0 5', 'record');
is($c->cursor, '0:6,1:0', 'cursor: start and record');

my $gap = $c->wait_event('gap', 5);
is("$gap->{from} $gap->{to}", '6 8', 'event behind a record');
is($c->cursor, '0:9,1:0', 'cursor: gap, not the record stepped over');

my @records = $c->records(9, 1);
is(join(' ', map { $_->{offset} } @records), '0 9007199254740993 9',
	'records to the end');
is($c->cursor, '0:10,1:9007199254740994', 'cursor beyond 2^53');
is(join(' ', map { $_->{event} } $c->events), 'start', 'event kept');
is(join(' ', $c->wait_close(5)), '1012 back', 'close');
is($c->{pings}, 1, 'ping');
is($c->wait_eof(5), 'fin', 'end by FIN');

$c = KafkaWS::Client->open(server($start, undef, 'rst'), '/');
is($c->wait_eof(5), 'rst', 'end by RST');

$c = KafkaWS::Client->open(server("\x82\x01\xff"), '/', format => 'text');
is($c->next_message(5)->{payload}, "\xff", 'binary message');

$r = KafkaWS::Client->connect(server('', sub { $_[0] = "HTTP/1.1 404 Not "
	. "Found\x0d\x0aContent-Length: 4\x0d\x0a\x0d\x0agone" }), '/');
is($r->status, 404, 'refusal: status');
is($r->header('content-length'), 4, 'refusal: header');
like($r->body, qr/^gone/, 'refusal: body');

is(unpack('H*', KafkaWS::WebSocket::frame(1, 'ab', mask => "\1\2\3\4")),
	'818201020304' . '6060', 'frame: masked');
is(unpack('H*', KafkaWS::WebSocket::frame(2, 'ab', masked => 0, fin => 0,
	rsv => 1, length_bytes => 2)), '127e00026162', 'frame: as asked for');

# nginx: what its life is made of

$t->write_file_expand('nginx.conf', <<'EOT')->run();

%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    server {
        listen       127.0.0.1:%%PORT_0%%;
        server_name  localhost;

        location / {
            return 200 "%%BROKERS%%";
        }
    }
}

EOT

is($t->http_get('/')->body, '127.0.0.1:1', 'nginx answers');
is(scalar(() = $t->worker_pids), 2, 'two workers');

my ($worker) = $t->worker_pids;

cmp_ok($t->private_bytes($worker), '>', 100_000, 'private memory');
$t->reload();
isnt(($t->worker_pids)[0], $worker, 'new worker after reload');
is($t->http_get('/')->status, 200, 'nginx answers after reload');

my ($code, $out) = $t->conf_test("%%GLOBALS%%\nevents { }\nnonsense;\n");

isnt($code, 0, 'bad configuration: exit code');
like($out, qr/unknown directive "nonsense"/, 'bad configuration: text');

# the hidden checks

$out = inner('kill "KILL", $t->worker_pids; $t->wait_log(qr/signal 9/)');
like($out, qr/^not ok \d+ - no alerts/m, 'alert is found');

$out = inner('$t->write_file("sanitizer.1", "ERROR: AddressSanitizer: x")');
like($out, qr/^not ok \d+ - no sanitizer reports/m,
	'sanitizer report is found');

$out = inner('kill "KILL", $t->master_pid; '
	. '$t->write_file("error.log", ""); wait_for(1, sub { 0 })');
like($out, qr/^not ok \d+ - no process left/m, 'process left is found');

# a line that nginx is still writing

my $said = '2026/01/01 00:00:00 [info] 1#1: *1 kafka ws refused, client: '
	. '127.0.0.1, server: localhost';

mkdir "$t->{dir}/half";
$t->write_file('half/error.log', substr $said, 0, 60);

my $probe = bless { nginx => bless { dir => "$t->{dir}/half" }, ref $t },
	'KafkaWS::Probe';

is_deeply([$probe->new_lines], [], 'half a line is none');
$t->write_file('half/error.log', "$said\n");
is_deeply([$probe->new_lines], ['[info] kafka ws refused'], 'then it is one');

# a slow nginx: what is not measured is neither passed nor failed

for my $by ('', 'a slow machine') {
	local $ENV{TEST_INSTRUMENTED} = $by;
	local $ENV{TEST_TIME_FACTOR} = 3;
	local $ENV{TEST_LOAD_DIVISOR} = 20;

	is(within(2) . ' ' . amount(50) . ' ' . amount(50, 4), '6 3 4',
		'limits and loads');

	like(run('SKIP: { unmeasured(1); ok(0) } ok(1)'),
		$by ? qr/^# 1 checks not measured.*^1 passed, 0 failed$/ms
		: qr/^1 passed, 1 failed$/m, "measured: \"$by\"");

	like(run('SKIP: { skip "no reason", 1 } ok(1)'),
		qr/^test 1 was skipped.*, 1 failed$/ms, "skipped: \"$by\"");
}

###############################################################################

# Answers one handshake, then sends the bytes; returns: its port
sub server {
	my ($bytes, $change, $end) = @_;
	my $listen = IO::Socket::INET->new(Listen => 1, ReuseAddr => 1,
		LocalAddr => '127.0.0.1') or die "listen: $!\n";
	my $pid = fork() // die "fork: $!\n";

	return $listen->sockport if $pid;

	$SIG{ALRM} = 'DEFAULT';
	alarm 30;

	my $s = $listen->accept();
	my $head = '';

	sysread $s, $head, 8192, length $head until $head =~ /\x0d\x0a\x0d\x0a/;

	my ($key) = $head =~ /^Sec-WebSocket-Key: (\S+)/m;
	my $answer = "HTTP/1.1 101 Switching Protocols\x0d\x0a"
		. "Upgrade: websocket\x0d\x0aConnection: upgrade\x0d\x0a"
		. 'Sec-WebSocket-Accept: '
		. sha1_base64($key . KafkaWS::WebSocket::GUID()) . "=\x0d\x0a";

	$change->($answer) if $change;
	syswrite $s, "$answer\x0d\x0a$bytes";

	if (($end // '') eq 'rst') {
		$s->setsockopt(SOL_SOCKET, SO_LINGER, pack 'll', 1, 0);

	} else {
		# leave nothing unread: closing would send RST
		shutdown $s, 1;
		1 while sysread $s, $head, 8192;
	}

	close $s;
	POSIX::_exit(0);
}

sub text {
	my ($text) = @_;

	return KafkaWS::WebSocket::frame(1, $text, masked => 0);
}

sub record {
	my ($partition, $offset) = @_;

	return text(qq({"partition":$partition,"offset":$offset,)
		. '"timestamp":1,"key":null,"value":"x"}');
}

sub gap {
	my ($partition, $from, $to) = @_;

	return text(qq({"event":"gap","partition":$partition,"from":$from,)
		. qq("to":$to,"reason":"lapped"}));
}

# two checks, by t/run; returns: what that prints
sub run {
	my ($code) = @_;
	my $root = KafkaWS::Process::root();

	$t->write_file('run.t', <<EOT);
# brokers: none
use lib '$root/t/lib';
use Test::More tests => 2;
use KafkaWS::Pace qw(unmeasured);
$code;
EOT

	return `$root/t/run $t->{dir}/run.t 2>&1` =~ s/^--- //gmr;
}

# runs a small test of its own; returns: its TAP
sub inner {
	my ($code) = @_;
	my $lib = KafkaWS::Process::root() . '/t/lib';

	$t->write_file('inner.t', <<EOT);
use lib '$lib';
use Test::More;
use KafkaWS::Nginx qw(wait_for);
my \$t = KafkaWS::Nginx->new()->plan(1);
\$t->write_file_expand('nginx.conf', <<'EOC')->run();
%%GLOBALS%%
events { }
EOC
$code;
ok(1);
EOT

	return `$^X -w $t->{dir}/inner.t 2>&1`;
}
