#!/usr/bin/perl

# Clients that never read cost the worker no memory beyond their struct,
# their socket and the rest of one frame, and delay no one else.

# brokers: kafka mock
# run: alone
# timeout: 240

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use List::Util qw(max);
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Load qw(private_bytes);
use KafkaWS::Nginx;

use constant {
	CLIENTS => 50,
	STUCK => 200,
	RATE => 400,
	SIZE => 4096,
	SECONDS => 10,
	FRAME => 4096 + 256,
};

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('stuck'), partitions => 1);
my $t = KafkaWS::Nginx->new(broker => $b)->plan(11);

$t->write_file_expand('nginx.conf', <<"EOT")->run();
%%MODULE%%
%%GLOBALS%%
worker_processes 1;
events { worker_connections 1024; }
http {
    %%GLOBALS_HTTP%%
    kafka_ws_cluster c {
        brokers %%BROKERS%%;
        topics  $topic;
        zone    c 64m;
    }
    server {
        listen 127.0.0.1:%%PORT_0%%;
        kafka_ws_slow close lag=120s;
        location /t { kafka_ws c; }
        location = /kafka_ws_status { kafka_ws_status; }
    }
}
EOT

my ($worker) = $t->worker_pids();

# the same flow alone, beside those that are stuck, and alone again
my $before = flow('alone', 0);
my $with = flow('stuck', STUCK);
my $after = flow('again', 0);

is($before->{exit}, 0, 'everything arrives without them');
is($with->{exit}, 0, 'everything arrives beside them');
is($with->{done}, CLIENTS, 'at every reader');
is($with->{reconnects}, 0, 'no reader was closed');
cmp_ok($with->{stuck_bytes}, '<', STUCK * RATE * SECONDS * SIZE,
	'the others are stuck indeed');

my $each = ($with->{memory} - $before->{memory}) / STUCK;

cmp_ok($each, '<=', FRAME, 'memory for each, while stuck');

for my $q (qw(p50 p99)) {
	my $alone = max(map { $_->{latency_us}{$q} } $before, $after);

	cmp_ok($with->{latency_us}{$q}, '<', 1.5 * $alone + 2000,
		"latency of the readers, $q");
}

is($after->{exit}, 0, 'everything arrives when they are gone');
is($after->{done}, CLIENTS, 'at every reader again');
cmp_ok($after->{memory}, '<=', $before->{memory} + FRAME * 16,
	'their memory does not stay');

# returns: the report of the clients, with the memory that the flow took
sub flow {
	my ($run, $stuck) = @_;
	my $n = RATE * SECONDS;
	my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
		connections => CLIENTS + $stuck, never_read => $stuck,
		rcvbuf => 16384, run => $run, records => $n,
		seconds => SECONDS + 60);

	my $idle = private_bytes($worker);
	my $bulk = $b->bulk_start($topic, run => $run, rate => RATE,
		size => SIZE, count => $n);
	my $sent = $bulk->result(60);

	die "not all records produced\n" if $sent->{failed};

	my $memory = private_bytes($worker) - $idle;
	my $r = $load->result(90);

	$r->{memory} = $memory;
	$r->{stuck_bytes} = $r->{bytes} - CLIENTS * $n * SIZE;
	diag("$run: memory $memory, $r->{text}") if $r->{exit};

	return $r;
}
