#!/usr/bin/perl

# The echo location of t/echo, loaded alone, before and behind the module: it
# obeys the settings of connections, and messages come back whole.

# brokers: none

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use POSIX ();
use Test::More;

use KafkaWS::Client;
use KafkaWS::Nginx;
use KafkaWS::WebSocket;

use constant {
	TIME   => 10,
	CONT   => 0,
	TEXT   => 1,
	BINARY => 2,
};

my @orders = ([ '%%ECHO%%' ], [ '%%MODULE%%', '%%ECHO%%' ],
	[ '%%ECHO%%', '%%MODULE%%' ]);

my $t;

for my $order (@orders) {
	my $name = join ' ', map { /(\w+)/ } @$order;
	my $load = join "\n", @$order;

	$t = KafkaWS::Nginx->new();
	$t->write_file_expand('nginx.conf', <<"EOT")->run();
$load
%%GLOBALS%%
events { }
http {
    %%GLOBALS_HTTP%%
    kafka_ws_max_frame  200k;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws_echo;
        }

        location /small {
            kafka_ws_echo;
            kafka_ws_max_frame  1000;
            kafka_ws_origin     example.com required;
        }

        location /ping {
            kafka_ws_echo;
            kafka_ws_ping    300ms timeout=300ms;
            kafka_ws_origin  example.com required;
        }
    }
}
EOT
	my $c = KafkaWS::Client->open($t->port(0), '/', format => 'text');

	for my $n (0, 1, 125, 126, 20_000, 65_536, 200_000) {
		my $data = join '', map { chr(97 + $_ % 26) } 1 .. $n;

		$c->send_frame(TEXT, $data);
		is($c->next_message(TIME)->{payload}, $data, "$name: $n bytes");
	}

	$c->send_frame(BINARY, "\xff\0", fin => 0);
	$c->ping('between');
	$c->send_frame(CONT, 'b');
	is($c->wait_pong(TIME), 'between', "$name: pong");
	is($c->next_message(TIME)->{payload}, "\xff\0b", "$name: fragments");

	# a client that sends without reading, more than the sockets take
	my $pid = fork() // die "fork: $!\n";

	if (!$pid) {
		$c->raw_write(join '', map { KafkaWS::WebSocket::frame(TEXT,
			"$_-" x 5000) } 1 .. 500);
		POSIX::_exit(0);
	}

	sleep 1;

	my $bad = 0;

	for my $n (1 .. 500) {
		$bad++ if $c->next_message(TIME)->{payload} ne "$n-" x 5000;
	}

	waitpid $pid, 0;
	is($bad, 0, "$name: many messages");
	$c->close(1000);
	is(($c->wait_close(TIME))[0], 1000, "$name: close");
	is($c->wait_eof(TIME), 'fin', "$name: end");

	$c = KafkaWS::Client->open($t->port(0), '/small',
		origin => 'http://example.com');
	$c->send_text('x' x 1001);
	is(($c->wait_close(TIME))[0], 1009, "$name: kafka_ws_max_frame");

	$c = KafkaWS::Client->open($t->port(0), '/ping',
		origin => 'http://example.com', auto_pong => 0);
	is(($c->wait_close(TIME))[0], 1011, "$name: kafka_ws_ping");

	is($t->http_get('/small')->status, 426, "$name: refusal");
	$t->stop();
}

$t->done_testing();
