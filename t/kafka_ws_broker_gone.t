#!/usr/bin/perl

# Brokers that are gone for long, slow, frozen, or that come and go: streams
# stay, memory stays, the log stays small, other sites notice nothing, and
# records go on at the exact next one.

# brokers: kafka mock
# run: waits
# timeout: 300

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Flow;
use KafkaWS::Load qw(private_bytes descriptors);
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within unmeasured);

use constant { TIME => 60, CLIENTS => 2, PARTITIONS => 2, GONE => 40,
	FLAPS => 12, SAID => 3, SLOW_MS => 5000,
	GROWTH => 512 * 1024 };

my $b = KafkaWS::Broker->new(own => 1);
my $mock = $b->kind eq 'mock';
my $topic = $b->create_topic($b->topic('gone'), partitions => PARTITIONS);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(($mock ? 20 : 16)
	+ KafkaWS::Neighbour::CHECKS);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_ping  300ms timeout=10m;
    kafka_ws_slow  close lag=1h;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 32m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }

@{[ KafkaWS::Neighbour->locations ]}
    }

@{[ KafkaWS::Neighbour->server ]}
}

EOT

###############################################################################

my $near = KafkaWS::Neighbour->start($t);
my $flow = KafkaWS::Flow->new($t, clients => CLIENTS);
my ($worker) = $t->worker_pids();
my $helper = $t->helper_pid();
my $total = 0;

produce('start');
$near->quiet();

# frozen: connections stay, and nothing comes

if ($mock) {
	$b->rtt(1, SLOW_MS);

} else {
	$b->down(1, 'pause');
}

my $name = $mock ? 'answers after 5 s' : 'frozen';
my $pings = ($flow->clients())[0]{pings};

sleep 7;
cmp_ok(($flow->clients())[0]->wait_pings($pings + 10, TIME), '>=',
	$pings + 10, "$name: pings go on");
$flow->open()->disconnect();
pass("$name: a client comes and has its start event");

if ($mock) {
	produce($name);
	$b->rtt(1, 0);

} else {
	$b->up();
}

produce("after \"$name\"");
$near->quiet();

# gone for a while: the second half of it shows what grows

my $from = length $t->log();

$b->down();
ok(wait_for(TIME, sub { state() eq 'down' }), 'gone: seen');
sleep GONE / 2;

my @before = map { private_bytes($_), descriptors($_) } $worker, $helper;

sleep GONE / 2;

my @after = map { private_bytes($_), descriptors($_) } $worker, $helper;

SKIP: {
	unmeasured(2);

	cmp_ok($after[0] - $before[0], '<=', GROWTH, 'gone: memory, worker');
	cmp_ok($after[2] - $before[2], '<=', GROWTH, 'gone: memory, helper');
}

# a neighbour may be asked just then
cmp_ok(abs($after[1] - $before[1]), '<=', 4, 'gone: descriptors, worker');
cmp_ok(abs($after[3] - $before[3]), '<=', 4, 'gone: descriptors, helper');
is(lines(qr/no broker can be reached/, $from), 1, 'gone: one line');
$b->up();
ok(wait_for(TIME, sub { state() eq 'up' }), 'gone: back');
ok(wait_for(TIME, sub {
	lines(qr/broker reached again after [4-9]\d{4} ms/, $from) }),
	'gone: one line with how long it took');
produce('after it was gone');

# it comes and goes

if ($mock) {
	$near->quiet();

	my $since = now();

	$from = length $t->log();

	for (1 .. FLAPS) {
		$b->down();
		wait_for(5, sub { state() eq 'down' });
		$b->up();
		wait_for(5, sub { state() eq 'up' });
	}

	produce('after it came and went');
	wait_for(TIME, sub { state() eq 'up' });

	# what was told within the minute before counts
	my $told = lines(qr/no broker can be reached/, $from);
	my $most = SAID * (1 + int((now() - $since) / 60));

	ok($told > 0 && $told <= $most,
		'comes and goes: few outages are told') or diag($told);
	wait_for(TIME, sub { lines(qr/broker reached again/, $from) == $told });
	is(lines(qr/broker reached again/, $from), $told,
		'comes and goes: and their ends');
}

is_deeply([$flow->lost()], [], 'no connection was lost');
is($t->helper_pid(), $helper, 'the same helper');
is(status()->{gaps} + status()->{lapped}, 0, 'no gaps');
$near->finish();

###############################################################################

# records of which each client has to have every one
sub produce {
	my ($what) = @_;
	my $sent = $b->produce_bulk($topic, run => 'gone', count => 100,
		rate => 200, first => $total / PARTITIONS,
		partitions => PARTITIONS);

	$total += $sent->{acked};
	is($flow->finish($total), CLIENTS, "$what: every record, once");
}

sub lines {
	my ($pattern, $from) = @_;

	return scalar grep { $_ =~ $pattern } split /\n/,
		substr $t->log(), $from;
}

sub state { return status()->{broker}{state} }
sub status { return $t->status()->{clusters}[0] }

###############################################################################
