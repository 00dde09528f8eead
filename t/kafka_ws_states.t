#!/usr/bin/perl

# Clients that end in every state that they can bring about: by RST, by FIN,
# over TLS also by close_notify, with FIN and without.  The connection is gone
# at once, or when a ping is not answered.

# brokers: mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

use constant TIME => 10;

# what the client sees of it; an end by TCP in the middle of TLS is one, too

my @plain = (
	'stream: reset: reset', 'stream: end: fin',
	'idle: reset: reset', 'idle: end: fin',
	'half of a frame: reset: reset', 'half of a frame: end: fin',
	'fragment: reset: reset', 'fragment: end: fin',
	'full: reset: reset', 'full: end: rst',
	'lingering: reset: reset', 'lingering: end: fin',
	'closed: reset: reset', 'closed: end: fin',
);

my @tls = map {
	/^(?!full)(.*): end: (.*)/ ? ($_, "$1: notify: $2",
		"$1: notify and end: $2") : $_
} @plain;

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('states'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(@plain + @tls + 3);
my $dir = $t->testdir;

system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
	. " -keyout $dir/key.pem -out $dir/cert.pem >$dir/openssl.out 2>&1")
	== 0 or die $t->read_testfile('openssl.out');

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%ECHO%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    ssl_certificate      cert.pem;
    ssl_certificate_key  key.pem;

    log_format  ends  '\$status \$uri';

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen      127.0.0.1:%%PORT_0%%;
        listen      127.0.0.1:%%PORT_1%% ssl;
        access_log  ends.log ends;

        location = /kafka_ws_status {
            kafka_ws_status;
            access_log       off;
        }

        location /stream {
            kafka_ws  c;
        }

        location /echo {
            kafka_ws_echo;
            kafka_ws_max_frame  64k;
            kafka_ws_ping       1s timeout=1s;
        }
    }

    server {
        listen  127.0.0.1:%%PORT_2%%;

        location /active {
            stub_status;
        }
    }
}

EOT

###############################################################################

my $c = KafkaWS::Client->open($t->port(0), '/stream');

$c->wait_event('start', TIME);
$c->close(1000);
$c->wait_eof(TIME);
$c->disconnect();

for my $case (['plain', 0, @plain], ['tls', 1, @tls]) {
	my ($name, $port, @want) = @$case;
	my @command = ("$FindBin::Bin/ends/ends.py", $t->port(2), $name,
		$t->port($port));
	my @got = split /\n/, qx(@command 2>&1);

	for my $want (@want) {
		is(shift @got, $want, "$name: $want");
	}

	is("@got", '', "$name: nothing more");
}

# each request has ended once; others were refused before the topic was known

my $lines;

wait_for(TIME, sub {
	$lines = () = $t->read_testfile('ends.log') =~ /^101 .*\n/mg;

	return $lines > @plain + @tls;
});

is($lines, @plain + @tls + 1, 'a line in the log for each connection');

###############################################################################
