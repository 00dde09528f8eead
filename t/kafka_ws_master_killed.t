#!/usr/bin/perl

# The master is killed: its workers and the helper serve on, nothing is
# started again, and whoever ends the workers is rid of all of it.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Flow;
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);
use KafkaWS::Stall;

use constant { TIME => 10, CLIENTS => 4, PARTITIONS => 2 };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('master'), partitions => PARTITIONS);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(28
	+ KafkaWS::Neighbour::CHECKS);

# of the one that is started in vain
$t->allow_alert(qr/bind\(\) to \S+ failed \(98: /, qr/still could not bind/);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_ping  200ms timeout=@{[ within(20) ]}s;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 32m;
        preload   records=16000;
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

my $stall = KafkaWS::Stall->start();
my $flow = KafkaWS::Flow->new($t, clients => CLIENTS);
my $bulk = $b->bulk_start($topic, run => 'master', rate => 100, size => 100,
	partitions => PARTITIONS, seconds => 120);

is($flow->read(20), 20, 'flow');

# all goes on

my $near = KafkaWS::Neighbour->start($t);

$near->quiet();

my ($helper, @workers) = kill_master('master killed');

is($flow->read(100), 100, 'streams go on');
is_deeply([$flow->lost()], [], 'none was closed');
is($flow->back(0), 1, 'a client may come and resume');
is(status()->{helper_pid}, $helper, 'the helper goes on');
ok(wait_for(TIME, sub { status()->{heartbeat_age_ms} < 1000 }),
	'its heart beats');

# the workers have the port, and whoever tries to take it is no harm

my $second = eval { $t->run(); 1 };

ok(!$second, 'another nginx does not start beside them');
$t->stop();
is($flow->read(20), 20, 'streams still go on');
$near->finish();

# a signal to each worker is enough; what has been waiting for the clients is no
# part of it

$flow->read_one($_, 1e9, 0.1) for $flow->all();
$stall->lap();

my $since = now();

kill 'QUIT', @workers;

is_deeply($flow->closes(), { 1001 => CLIENTS }, 'QUIT: closes');
is(gone(), 0, 'QUIT: no process left, the helper neither');

my ($took, $late) = (now() - $since, $stall->lap()->{total});

cmp_ok($took - $late, '<', within(3), 'QUIT: time');
note(sprintf 'QUIT: %.1f s, of which the machine is late by %.1f', $took,
	$late);
ok($t->log() =~ qr/\[notice\] $helper#.* no master and no workers, exiting/,
	'QUIT: the helper says why');

again('QUIT');

# nobody starts a helper: the streams stand, and say that they live

($helper, @workers) = kill_master('helper killed, too');

kill 'KILL', $helper;
wait_for(TIME, sub { status()->{heartbeat_age_ms} > 1000 });
ok(wait_for(TIME, sub {
	return !grep { $flow->read_one($_, 1e9, 0.2) } $flow->all();
}), 'helper killed: nothing comes any more');

my $pings = ($flow->clients())[0]{pings};

cmp_ok(($flow->clients())[0]->wait_pings($pings + 2, TIME), '>=', $pings + 2,
	'helper killed: pings come');

kill 'TERM', @workers;

# TERM leaves no time to say where each was
is_deeply($flow->closes(), { '1001 ' => CLIENTS }, 'helper killed: closes');
is(gone(), 0, 'helper killed: no process left');
again('helper killed');

# no worker had the time to say anything

($helper, @workers) = kill_master('workers killed, too');

kill 'KILL', @workers;

is_deeply($flow->closes(), { cut => CLIENTS }, 'workers killed: cut');
is(gone(), 0, 'workers killed: no process left, the helper neither');
again('workers killed');

is($flow->finish($bulk->stop()->{acked}), CLIENTS,
	'every record, once, in order');

###############################################################################

# returns: the helper and the workers, which nobody is in charge of any more
sub kill_master {
	my ($name) = @_;
	my @pids = ($t->helper_pid(), $t->worker_pids());

	kill 'KILL', $t->master_pid();
	$t->stop();

	is($t->left_over(), @pids, "$name: its processes are there");

	return @pids;
}

# returns: how many processes are still there when the time is up
sub gone {
	wait_for(TIME, sub { !$t->left_over() });

	return scalar(my @left = $t->left_over());
}

# on the same port
sub again {
	my ($name) = @_;

	$t->run();

	is($flow->back(), CLIENTS, "$name: all resume at the next nginx");
	is($flow->read(20), 20, "$name: flow again");
}

sub status { return $t->status()->{clusters}[0] }

###############################################################################
