#!/usr/bin/perl

# Stops: in order (QUIT) and fast (TERM), with clients of every kind, with
# and without a broker, always within a bound.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);
use KafkaWS::Stall;

use constant { TIME => 10, DRAIN => 6 };

my $stall = KafkaWS::Stall->start();
my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('stop'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(30);

# QUIT in flow: the Close says where the client was

conf();
$t->run();

my $bulk = $b->bulk_start($topic, rate => 300, seconds => 150);
my @c = map { started(rcvbuf => 1 << 20) } 1 .. 4;
my $busy = started();

is($busy->records(50, TIME), 50, 'flow');

my $time = stop('QUIT');

cmp_ok($time, '<', within(2), 'QUIT in flow: time');
is_deeply([map { ($_->wait_close(TIME))[0] } @c], [(1001) x 4],
	'QUIT in flow: closes');
is_deeply([map { $_->wait_eof(TIME) } @c], [('fin') x 4],
	'QUIT in flow: ends');

# up to its Close
$busy->records(1e9, TIME);
is(($busy->wait_close(TIME))[1], $busy->cursor,
	'QUIT in flow: the reason is the cursor');
is($t->left_over(), 0, 'QUIT in flow: no process left');

# TERM in flow

$t->run();
@c = map { started(rcvbuf => 1 << 20) } 1 .. 4;
is($c[0]->records(50, TIME), 50, 'flow again');

$time = stop('TERM');

cmp_ok($time, '<', within(1.5), 'TERM in flow: time');
is_deeply([map { ($_->wait_close(TIME))[0] } @c], [(1001) x 4],
	'TERM in flow: closes');
is($t->left_over(), 0, 'TERM in flow: no process left');

# a client that does not answer the Close, and one that reads nothing

for my $signal (qw(QUIT TERM)) {
	$t->run();

	my $stuck = stuck();
	my $mute = started(auto_close => 0, rcvbuf => 1 << 20);

	# the long records of the other one are behind it: no half of one is
	# in the way of its Close

	$mute->records(100, TIME);

	$time = stop($signal);

	cmp_ok($time, '<', within(2),
		"$signal, clients that do not answer: time");
	is(($mute->wait_close(TIME))[0], 1001,
		"$signal, clients that do not answer: close");
	is($t->left_over(), 0,
		"$signal, clients that do not answer: no process left");
}

# after a reload, while the old workers drain: nginx waits for them

conf('kafka_ws_drain ' . DRAIN . 's;');
$t->run();

my $old = started();

$t->reload();

my $new = started();

ok(scalar($t->old_worker_pids()), 'drain goes on');
$time = stop('QUIT');
cmp_ok($time, '<', DRAIN + within(2), 'QUIT during a drain: time');
is(($new->wait_close(TIME))[0], 1001, 'QUIT during a drain: close');

is(($old->wait_close(TIME))[0], 1012,
	'QUIT during a drain: close of an old worker');
is($t->left_over(), 0, 'QUIT during a drain: no process left');

# worker_shutdown_timeout ends a drain that would take an hour

conf('kafka_ws_drain 1h;', 'worker_shutdown_timeout 1s;');
$t->run();
$old = started();
my $stuck = stuck();
$t->reload();

$stall->lap();
$time = now();
ok(wait_for(TIME, sub { !$t->old_worker_pids() }),
	'worker_shutdown_timeout: old worker leaves');
cmp_ok(now() - $time - $stall->lap()->{total}, '<', within(3),
	'worker_shutdown_timeout: time');
ok($old->wait_eof(TIME), 'worker_shutdown_timeout: end of the client');
is(($new = started())->records(5, TIME), 5,
	'worker_shutdown_timeout: the new worker streams');
ok(stop('QUIT') < within(2), 'worker_shutdown_timeout: stop');
$bulk->stop();

# no broker: nothing waits for one

my $none = KafkaWS::Nginx->new(broker => '127.0.0.1:1');

for my $signal (qw(QUIT TERM)) {
	conf('', '', $none);
	$none->run();
	ok($none->wait_log(qr/no broker can be reached/, TIME),
		"$signal without a broker: it is looked for");

	$time = stop($signal, $none);
	cmp_ok($time, '<', within(1.5), "$signal without a broker: time");
}

###############################################################################

sub conf {
	my ($http, $main, $nginx) = (@_, '', '');

	($nginx || $t)->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%
@{[ $main // '' ]}

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%
    @{[ $http // '' ]}

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws       c;
            kafka_ws_slow  close lag=1h buffer=8k;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT
}

sub started {
	my $c = KafkaWS::Client->open($t->port(0), '/', @_);

	$c->wait_event('start', 10);

	return $c;
}

# a client that has read its start event and whose socket is full
sub stuck {
	my $slow = slow();
	my $c = started(rcvbuf => 4096);

	$b->produce($topic, map { 'x' x 50_000 } 1 .. 20);
	wait_for(TIME, sub { slow() > $slow }) or die "not stuck\n";

	return $c;
}

sub slow { return $t->status()->{clusters}[0]{slow} }

# returns: the seconds that it took, without those of a machine that stood
# still, or 1000
sub stop {
	my ($signal, $nginx) = @_;

	$stall->lap();

	my $since = now();
	my $enough = ($nginx // $t)->stop($signal);
	my $time = now() - $since - $stall->lap()->{total};

	return $enough ? $time : 1000;
}

###############################################################################
