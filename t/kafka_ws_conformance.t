#!/usr/bin/perl

# RFC 6455 and RFC 7692, case by case: t/conformance against the echo module,
# which answers through the code that streams use, plain and over TLS.

# brokers: none
# timeout: 600

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Nginx qw(now);
use KafkaWS::Pace qw(within);
use KafkaWS::Process;

use constant { TIME => 500, CORE => 300, DEFLATE => 150 };

my $t = KafkaWS::Nginx->new();
my $dir = $t->testdir;

system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
	. " -days 2 -subj /CN=localhost -keyout $dir/key.pem"
	. " -out $dir/cert.pem >$dir/openssl.out 2>&1") == 0
	or die $t->read_testfile('openssl.out');

# one worker: it reads in the order in which the pieces come in
$t->write_file_expand('nginx.conf', <<'EOT')->run();

%%ECHO%%
%%GLOBALS%%

worker_processes  1;

events {
    worker_connections  2048;
}

http {
    %%GLOBALS_HTTP%%

    ssl_certificate      cert.pem;
    ssl_certificate_key  key.pem;
    ssl_protocols        TLSv1.2 TLSv1.3;

    server {
        listen  127.0.0.1:%%PORT_0%% backlog=1024;
        listen  127.0.0.1:%%PORT_1%% ssl backlog=1024;

        location /echo {
            kafka_ws_echo;
            kafka_ws_max_frame  16m;
        }

        location /small {
            kafka_ws_echo;
            kafka_ws_max_frame  4k;
        }

        location /deflate {
            kafka_ws_echo;
            kafka_ws_max_frame  16m;
            kafka_ws_deflate    on;
        }

        location /tight {
            kafka_ws_echo;
            kafka_ws_max_frame  4k;
            kafka_ws_deflate    on;
        }
    }
}

EOT

###############################################################################

my $p = KafkaWS::Process->start(pipe => 1, log => "$dir/conformance.err",
	command => ['python3', '-B', "$FindBin::Bin/conformance/run",
		'--plain=' . $t->port(0), '--tls=' . $t->port(1),
		'--thin=' . ($ENV{TEST_LOAD_DIVISOR} || 1)]);

my ($count, $ended, $summary) = (0, now() + within(TIME), '');

while (defined(my $line = $p->line($ended - now()))) {
	if ($line =~ /^(not )?ok \d+ - (.*)/) {
		ok(!$1, $2);
		$count++;

	} elsif ($line =~ /^# seed|^# \d+ core/) {
		note($line);
		$summary = $line;

	} elsif ($line !~ /^1\.\./) {
		diag($line);
	}
}

ok($p->wait(10) && defined $p->status, 'the suite ends');
is($t->read_testfile('conformance.err'), '', 'nothing on stderr');

my ($core, $deflate) = $summary =~ /^# (\d+) core, (\d+) deflate cases/;

cmp_ok($core // 0, '>=', CORE, 'core cases');
cmp_ok($deflate // 0, '>=', DEFLATE, 'deflate cases');
is($count, ($core // 0) + ($deflate // 0), 'each has its line');

$t->done_testing();

###############################################################################
