#!/usr/bin/perl

# What clients do to TLS below the stream: records split, damaged, cut off or
# alien, resets at any time, renegotiation.  Each costs its own connection,
# and what is no fault of WebSocket has the result that it has without TLS.

# brokers: kafka mock
# timeout: 240

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Load qw(descriptors);
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Process;
use KafkaWS::WebSocket;

use constant { TIME => 10, CRLF => "\x0d\x0a" };

# the cases of load/tls_fault.py and what they see

my %outcome = (
	byte_by_byte => '101 pong -',
	in_halves => '101 pong -',
	frame_over_records => '101 pong -',
	many_frames_in_a_record => '101 100 pongs 1000 fin',
	header_alone => '101 fin',
	half_a_record => '101 fin',
	half_a_record_reset => '101 -',
	garbage => '101 fin',
	garbage_in_a_record => '101 fin',
	damage => '101 fin',
	replay => '101 pong fin',
	record_too_long => '101 fin',
	close_notify => '101 fin',
	close_notify_in_a_frame => '101 fin',
	fault => '101 1002 fin',

	# TLS is broken before the Close can be sent
	fault_and_garbage => '101 fin',

	fault_and_reset => '101 -',
	fault_close_and_reset => '101 1002 -',
	close => '101 1000 fin',
	close_and_reset => '101 -',
	half_a_frame_reset => '101 -',
	reset => '101 -',
	hello_half => 'fin',
	hello_half_reset => '-',
	hello_reset => '-',
	hello_answered_reset => '-',
	hello_answered_end => 'fin',
	hello_byte_by_byte => '101 -',
	hello_damaged => 'fin',
	finished_damaged => 'fin',
	finished_half_reset => '-',
	no_tls => 'fin',
	alert => 'fin',
	silent_reset => '-',
	request_byte_by_byte => '101 -',
	request_half_reset => '-',
	request_garbage => 'fin',
);

# what is wrong here has its line, and one only: other ends have none or one
my %wrong = map { $_ => 1 } qw(garbage garbage_in_a_record damage replay
	record_too_long fault fault_and_garbage);

# how nginx 1.22 ranks these, for any site: no location is chosen yet
my $ranked = qr/SSL_(?:read|do_handshake)\(\)\ failed\ \(SSL:\ .*
	(?:decryption\ failed|packet\ length|bad\ legacy\ version)
	.*\ while\ (?:SSL\ handshaking|waiting\ for\ request
		|reading\ client\ request)/x;

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('tls'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(4 * keys(%outcome) + 9);
my $dir = $t->testdir;

$t->allow_alert($ranked);

system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
	. " -keyout $dir/key.pem -out $dir/cert.pem >$dir/openssl.out 2>&1")
	== 0 or die $t->read_testfile('openssl.out');

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  1;

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
        zone      c 32m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_1%% ssl;
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

my $stream = KafkaWS::Client->open($t->port(0), '/');

$stream->wait_event('start', TIME);

my ($worker) = $t->worker_pids();
my $fds = descriptors($worker);
my $bulk = $b->bulk_start($topic, run => 'tls', rate => 100, seconds => 200);

###############################################################################

my %names;

for my $version ('1.2', '1.3') {
	my $p = KafkaWS::Process->start(pipe => 1, log => "$dir/fault.log",
		command => ['python3', "$FindBin::Bin/load/tls_fault.py",
			$t->port(1), $version]);
	my %seen;

	while (defined(my $line = $p->line(60))) {
		my ($name, $from, $outcome) = split /\t/, $line;

		# pings want their pongs
		$stream->until(now() + 0.001, sub { 0 });

		$seen{$name} = $outcome;
		$names{$from} = $name;
	}

	is($seen{$_}, $outcome{$_}, "TLS $version: $_") for sort keys %outcome;
}

# renegotiation is refused, a new key is not

renegotiation('-tls1_2', 'R', 0);
renegotiation('-tls1_3', 'K', 1);
renegotiation('-tls1_3', 'k', 1);

###############################################################################

my $sent = $bulk->stop();

is(scalar($stream->records($sent->{acked}, TIME)), $sent->{acked},
	'the stream beside them has every record');
ok(!$stream->{close}, 'and goes on');

ok(wait_for(TIME, sub { descriptors($worker) == $fds }), 'descriptors');
is($t->status()->{clusters}[0]{connections}, 1, 'connections');
is(($t->worker_pids())[0], $worker, 'the worker');

my @log = split /\n/, $t->log();

for my $from (sort keys %names) {
	my $name = $names{$from};
	my @lines = grep { / client: \Q$from\E,/ } @log;

	cmp_ok(scalar @lines, $wrong{$name} ? '==' : '<=', 1, "$name: lines")
		or diag(map { "$_\n" } @lines);
}

is(join("\n", grep { / client: / && !/ \[info\] / && !/$ranked/ } @log), '',
	'nothing else above info');

###############################################################################

# A letter at the beginning of a read makes s_client do something to TLS.
sub renegotiation {
	my ($version, $letter, $lives) = @_;
	my $out = "$dir/s_client";

	unlink $out;

	my $before = () = $t->read_testfile('s_client.log')
		=~ /^(?:RENEGOTIATING|KEYUPDATE)$/mg;
	my $p = KafkaWS::Process->start(pipe => 1, log => "$dir/s_client.log",
		command => ['sh', '-c', 'exec "$@" >' . $out, 'sh', 'openssl',
			's_client', '-no_ign_eof', $version, '-connect',
			'127.0.0.1:' . $t->port(1)]);
	my $seen = sub {
		my ($text) = @_;

		return wait_for(TIME, sub { -s $out && index($t->read_testfile(
			's_client'), $text) >= 0 });
	};

	$p->say('GET / HTTP/1.1', 'Host: a', 'Upgrade: websocket',
		'Connection: Upgrade', 'Sec-WebSocket-Version: 13',
		'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '');

	my $started = $seen->('"event":"start"');

	# it says so when it has done that: what it has not read before would be
	# one read with what follows

	for my $n (1 .. 5) {
		last unless $p->alive;

		syswrite $p->{in}, "$letter\n";
		wait_for(TIME, sub {
			my @done = $t->read_testfile('s_client.log')
				=~ /^(?:RENEGOTIATING|KEYUPDATE)$/mg;

			return @done - $before == $n || !$p->alive;
		});
	}

	syswrite $p->{in}, KafkaWS::WebSocket::frame(9, 'still there')
		if $p->alive;

	ok($started && ($lives ? $seen->('still there')
		: $p->wait(TIME) && index($t->read_testfile('s_client'),
			'still there') < 0), "$version, $letter")
		or diag(map { $t->read_testfile($_) }
			qw(s_client s_client.log));

	$p->stop();
}

###############################################################################
