#!/usr/bin/perl

# wss: streams over TLS, by way of "openssl s_client".

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);
use KafkaWS::Ports;
use KafkaWS::Process;
use KafkaWS::Stall;

use constant { TIME => 10, SIZE => 50_000, MANY => 40, SMALL => 2000 };

my $stall = KafkaWS::Stall->start();
my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('tls'), partitions => 2);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(29);
my $dir = $t->testdir;

system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
	. " -keyout $dir/key.pem -out $dir/cert.pem >$dir/openssl.out 2>&1")
	== 0 or die $t->read_testfile('openssl.out');

$t->{preload} = full_for_closes();

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    ssl_certificate      cert.pem;
    ssl_certificate_key  key.pem;
    ssl_protocols        TLSv1.2 TLSv1.3;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 64m;
        ring      16m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_1%% ssl http2;
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location /slow {
            kafka_ws       c;
            kafka_ws_slow  close lag=2s buffer=8k;
        }

        location /patient {
            kafka_ws       c;
            kafka_ws_slow  close lag=1h buffer=8k;
            kafka_ws_ping  5m;
        }

        location /ping {
            kafka_ws       c;
            kafka_ws_ping  300ms timeout=300ms;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

my %tunnel = map { $_ => tunnel($_) } '-tls1_2', '-tls1_3';

###############################################################################

for my $version (sort keys %tunnel) {
	my $c = started($version, '/');
	my $offset = $b->produce($topic, { partition => 1, key => 'k',
		value => '{"a":1}' });
	my ($r) = $c->records(1, TIME);

	is("$r->{partition} $r->{offset} $r->{value}{a}", "1 $offset 1",
		"$version: record");

	# more than a TLS record, and more than the sockets take at once
	my $big = join '', map { chr(97 + $_ % 26) } 1 .. 900_000;

	$b->produce($topic, $big, 'after');

	# as much as 18 of those below, each of which has its time
	my @got = map { $_->{value} } $c->records(2, 3 * TIME);

	ok($got[0] eq $big, "$version: big record");
	is($got[1], 'after', "$version: the next one");

	$c->ping('p' x 125);
	is($c->wait_pong(TIME), 'p' x 125, "$version: pong");
	$c->close(1000);
	is(($c->wait_close(TIME))[0], 1000, "$version: close");
	is($c->wait_eof(TIME), 'fin', "$version: end");

	# what it must not send
	$c = started($version, '/');
	$c->send_text('a');
	is(($c->wait_close(TIME))[0], 1003, "$version: data");
	is($c->wait_eof(TIME), 'fin', "$version: end after data");
}

# HTTP/2 on the same port: a browser takes HTTP/1.1 for its WebSockets

like(h2_answer(), qr/^...\x01.{5}\x8c/s, 'HTTP/2 is refused with 400');

ok(-s "$dir/full", 'a socket was full when a Close was to go');

my $c = started('-tls1_3', '/ping', auto_pong => 0);

is_deeply([$c->wait_close(TIME)], [1011, 'ping timeout'], 'unanswered ping');

# a client that stops reading, and reads again in time

$c = started('-tls1_3', '/patient');

my $slow = status()->{slow};
my @values = map { $_ . 'x' x SIZE } 1 .. MANY;

$b->produce($topic, @values);
ok(wait_for(TIME, sub { status()->{slow} > $slow }), 'a slow client');
$c->ping('behind it');

my @got = map { $_->{value} } one_by_one($c, MANY);

is(@got, MANY, 'every record');
is(scalar(grep { $got[$_] ne $values[$_] } 0 .. $#got), 0, 'whole, in order');
is($c->wait_pong(TIME), 'behind it', 'pong behind them');

# the same by records that fit into nginx's buffer for TLS, each on its own, so
# that nothing is left over when the socket is full for the first time

$c = started('-tls1_3', '/patient');
$slow = status()->{slow};
@values = ();

while (@values < 1000 && status()->{slow} == $slow) {
	push @values, @values . 'y' x SMALL;
	$b->produce($topic, $values[-1]);
}

cmp_ok(scalar @values, '<', 1000, 'a slow client of small records');
is_deeply([map { $_->{value} } one_by_one($c, scalar @values)], \@values,
	'every small record');

# and one that does not

@values = map { $_ . 'x' x SIZE } 1 .. MANY;

my $closes = status()->{closes}{4408};

$c = started('-tls1_3', '/slow');
$b->produce($topic, @values);
# it counts at its end: the lag, a look a second, five seconds for what was sent
ok(wait_for(8 + TIME, sub { status()->{closes}{4408} > $closes }),
	'slow client is closed');
$c->records(1e9, 1);
ok($c->wait_eof(TIME), 'its connection ends');

# stop

$c = started('-tls1_3', '/');
$b->produce($topic, 'last');
$c->records(1, TIME);

$stall->lap();

my $since = now();

ok($t->stop() && now() - $since - $stall->lap()->{total} < within(2),
	'stop in time');
is_deeply([$c->wait_close(TIME)], [1001, $c->cursor], 'close at a stop');

###############################################################################

sub started {
	my ($version, $uri, @more) = @_;
	my $c = KafkaWS::Client->open($tunnel{$version}, $uri, @more,
		rcvbuf => 32768);

	$c->wait_event('start', TIME) or die "no start event\n";

	return $c;
}

# Each has its time: how fast they go through small buffers and the tunnel is
# not nginx's alone.
sub one_by_one {
	my ($c, $count) = @_;
	my $since = now();
	my @got;

	while (@got < $count) {
		push @got, $c->next_record(TIME) // last;
	}

	note(sprintf '%d records in %.1f s', scalar @got, now() - $since);

	return @got;
}

# A library by which a socket is full, once, for each Close without a reason
# over TLS 1.3: 4 bytes, which make a TLS record of 26.  It writes a byte into
# the file "full" then.
sub full_for_closes {
	$t->write_file('full', '')->write_file('full.c', <<"EOC");
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int full_for = -1;

ssize_t
write(int fd, const void *buf, size_t len)
{
    int file;
    const unsigned char *p = buf;
    ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");

    if (len != 26 || p[0] != 23 || p[1] != 3) {
        return next(fd, buf, len);
    }

    if (full_for == fd) {
        full_for = -1;
        return next(fd, buf, len);
    }

    full_for = fd;
    file = open("$dir/full", O_WRONLY | O_APPEND);

    if (file != -1) {
        next(file, "x", 1);
        close(file);
    }

    errno = EAGAIN;
    return -1;
}
EOC

	chmod 0666, "$dir/full";
	system("gcc -shared -fPIC -o $dir/full.so $dir/full.c -ldl"
		. " >$dir/gcc.out 2>&1") == 0
		or die $t->read_testfile('gcc.out');

	return "$dir/full.so";
}

# the first HEADERS frame that answers GET / over HTTP/2 (RFC 9113, 4.1; 0x8c is
# :status 400, RFC 7541, A)
sub h2_answer {
	my $request = "PRI * HTTP/2.0\x0d\x0a\x0d\x0aSM\x0d\x0a\x0d\x0a"
		. "\0\0\0\x04\0\0\0\0\0"
		. "\0\0\x06\x01\x05\0\0\0\x01\x82\x87\x84\x01\x01a";

	# it ends with its input, which stays open until the answer is there
	my $p = KafkaWS::Process->start(pipe => 1, command => ['openssl',
		's_client', '-quiet', '-no_ign_eof', '-alpn', 'h2',
		'-connect', '127.0.0.1:' . $t->port(1)]);
	my $select = IO::Select->new($p->{out});
	my $answer = '';

	syswrite $p->{in}, $request;

	while ($select->can_read(within(TIME))) {
		sysread $p->{out}, $answer, 65536, length $answer or last;

		# frames: length in 3 bytes, kind, flags, stream
		while (length $answer >= 9) {
			my $length = 9 + unpack 'N', "\0" . substr $answer,
				0, 3;

			last if length $answer < $length;

			my $frame = substr $answer, 0, $length, '';

			return $frame if ord(substr $frame, 3, 1) == 1;
		}
	}

	return 'no answer';
}

sub status { return $t->status()->{clusters}[0] }

# Takes connections, each of which gets an s_client of its own.
# returns: the port
sub tunnel {
	my ($version) = @_;
	my $port = KafkaWS::Ports::reserve();
	my $to = '127.0.0.1:' . $t->port(1);
	my $script = "$dir/tunnel$version.pl";

	open my $f, '>', $script or die "$script: $!\n";
	print $f <<'EOS';
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_SNDBUF);

my ($port, @command) = @ARGV;
my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64,
	LocalPort => $port, ReuseAddr => 1) or die "listen: $!\n";

# else all that a slow client does not read would fit in here
$listen->setsockopt(SOL_SOCKET, SO_SNDBUF, 16384);

$SIG{CHLD} = 'IGNORE';
$| = 1;
print "ready\n";
open STDOUT, '>', '/dev/null';

while (my $s = $listen->accept()) {
	next if fork();
	open STDIN, '<&', $s;
	open STDOUT, '>&', $s;
	close $s;
	close $listen;
	exec 'setpriv', '--pdeathsig', 'KILL', '--', @command;
}
EOS
	close $f;

	my $p = KafkaWS::Process->start(pipe => 1, log => "$dir/tunnel.log",
		command => [$^X, $script, $port, 'openssl', 's_client',
			'-quiet', '-no_ign_eof', $version, '-connect', $to]);

	die "no tunnel\n" unless ($p->line(TIME) // '') eq 'ready';

	return $port;
}

###############################################################################
