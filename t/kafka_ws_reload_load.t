#!/usr/bin/perl

# Ten reloads and three kill -9 of the helper under 2,000 records a second:
# clients that resume by cursor lose nothing and never wait for a second.

# brokers: kafka mock
# run: alone
# timeout: 240

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Time::HiRes qw(sleep time);

use KafkaWS::Broker;
use KafkaWS::Load;
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(amount within);
use KafkaWS::Stall;

use constant {
	CLIENTS => amount(50),
	PARTITIONS => 4,
	RATE => amount(2000),
	# in all, or less
	QUIET => 6 * KafkaWS::Neighbour::QUIET,
	RELOADS => 10,
	KILLS => 3,
	SPARE => 12,			# seconds, for a slow machine
};

use constant SECONDS => int(within(32) + SPARE + QUIET);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('reload'), partitions => PARTITIONS);

# the mock answers a fetch without data only when its time is over
my $wait = $b->kind eq 'mock' ? 5 : 500;

my $t = KafkaWS::Nginx->new(broker => $b)->plan(14
	+ KafkaWS::Neighbour::CHECKS);

$t->allow_alert(qr/exited on signal 9$/);

$t->write_file_expand('nginx.conf', <<"EOT")->run();
%%MODULE%%
%%GLOBALS%%
worker_processes 2;
events { worker_connections 1024; }
http {
    %%GLOBALS_HTTP%%
    kafka_ws_drain 1s;
    kafka_ws_cluster c {
        brokers %%BROKERS%%;
        topics  $topic;
        zone    c 64m;
        property fetch.wait.max.ms $wait;
    }
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location /t { kafka_ws c; }
        location = /kafka_ws_status { kafka_ws_status; }
@{[ KafkaWS::Neighbour->locations ]}
    }
@{[ KafkaWS::Neighbour->server ]}
}
EOT

my $near = KafkaWS::Neighbour->start($t);
my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
	connections => CLIENTS, partitions => PARTITIONS, run => 'reload',
	records => RATE * SECONDS / PARTITIONS, seconds => SECONDS + 60);

my $bulk = $b->bulk_start($topic, run => 'reload', rate => RATE, size => 200,
	partitions => PARTITIONS, count => RATE * SECONDS);

my $stall = KafkaWS::Stall->start();
my $start = now();
my ($reloads, $kills) = (0, 0);
my @events;
my $step = (SECONDS - QUIET - SPARE) / (RELOADS + KILLS);

# r: reload, k: kill; the flow goes on in between, which is the test
for my $what (qw(r r k r r r k r r r k r r)) {
	$near->quiet() if $what eq 'k' || !@events;
	sleep $step / 2;

	my $began = now();

	push @events, sprintf '%s %.3f', $what, time();

	if ($what eq 'r') {
		$t->reload();
		$reloads++ if wait_for(20, sub { !$t->old_worker_pids() });

	} else {
		my $pid = $t->helper_pid();

		kill 'KILL', $pid;
		$kills++ if wait_for(10, sub {
			my $now = $t->helper_pid();
			return $now && $now != $pid });
	}

	my $left = $step / 2 - (now() - $began);
	sleep $left if $left > 0;
}

$near->finish();

is($reloads, RELOADS, 'reloads');
is($kills, KILLS, 'helper killed and back');
cmp_ok(now() - $start, '<', SECONDS, 'all of it within the flow');

my $produced = $bulk->result(60);
my $r = $load->result(90);
my $late = $stall->lap()->{longest} * 1e6;

# the first ones may come before the topics are known
delete $r->{codes}{503};

is($produced->{failed}, 0, 'all records produced');
is($r->{done}, CLIENTS, 'every client has every record');
is($r->{lost}, 0, 'lost');
is($r->{doubled}, 0, 'doubled');
is($r->{reordered}, 0, 'reordered');
is($r->{corrupt} + $r->{protocol} + $r->{gaps}, 0, 'frames in order');
is($r->{moved}, 0, 'every resume at its cursor');
is($r->{resets} + $r->{eofs} + $r->{close_resets} + $r->{turned_away}, 0,
	'no connection cut or turned away');
is_deeply($r->{codes}, { 1000 => CLIENTS, 1012 => CLIENTS * RELOADS },
	'each reload sends 1012, nothing else closes');
cmp_ok($r->{stall_us}{max} - $late, '<', within(1_000_000),
	'longest stall under a second');
cmp_ok($r->{resume_us}{max} - $late, '<', within(1_000_000),
	'from Close to the next record');

note("$r->{text}\n@events\nlongest stall of the machine, us: $late");
