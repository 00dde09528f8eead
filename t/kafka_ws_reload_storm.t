#!/usr/bin/perl

# A reload closes 10,000 clients at once, and all of them come back at once
# with the same cursor: each goes on at its next record, and soon.

# brokers: kafka
# run: alone
# timeout: 240

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use List::Util qw(max);
use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Load;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(amount within unmeasured);
use KafkaWS::Waited;

use constant {
	CLIENTS => amount(10_000),
	RELOADS => 2,
	RATE => 4,
	SECONDS => 120,			# of the flow, at most
	RESUME => 2_000_000,		# us, p99, from Close to the next record
	TIME => 60,
};

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('again'));
my $t = KafkaWS::Nginx->new(broker => $b)->plan(11);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes      2;
worker_rlimit_nofile  16384;

events {
    worker_connections  12000;
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_drain  0;

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $topic;
        zone     c 16m;
    }

    server {
        listen  127.0.0.1:%%PORT_0%% reuseport backlog=8192;

        location /t {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
	connections => CLIENTS, run => 'again', inflight => 2048, sources => 4,
	seconds => 2 * SECONDS);
my $bulk = $b->bulk_start($topic, run => 'again', rate => RATE, size => 200,
	seconds => SECONDS);
my (@back, @off);

for my $n (1 .. RELOADS) {
	sleep 1;

	my $since = now();
	my $queued = KafkaWS::Waited->new($load->pid(),
		sub { $t->worker_pids() });

	$t->reload();
	push @back, now() - $since if wait_for(TIME, sub {
		!$t->old_worker_pids() && status()->{connections} == CLIENTS });

	# all of them have a next record
	my $next = next_offset();

	wait_for(TIME, sub { next_offset() > $next });
	push @off, 1e6 * $queued->most();
}

ok($bulk->{process}->alive(), 'all of it within the flow');
is(scalar @back, RELOADS, 'all are back');

my $produced = $bulk->stop();
my $came = 0;

wait_for(TIME, sub {
	$came += $load->lap()->{n};

	return $came >= CLIENTS * $produced->{acked};
});

# what comes twice comes later
sleep 0.3;

my $r = $load->stop();

is($produced->{failed}, 0, 'all records produced');
is($r->{records}, CLIENTS * $produced->{acked},
	'every client has every record');
is($r->{lost} + $r->{doubled} + $r->{reordered} + $r->{corrupt}
	+ $r->{protocol} + $r->{gaps}, 0, 'once, in order');
is($r->{moved}, 0, 'every resume at its cursor');
is($r->{resumed}, RELOADS * CLIENTS, 'each is a resume');
is($r->{resets} + $r->{eofs} + $r->{turned_away}, 0,
	'no connection cut or turned away');
is($r->{codes}{1012}, RELOADS * CLIENTS, 'each reload sends 1012');
is($r->{resume_us}{n}, RELOADS * CLIENTS, 'each has its next record');

SKIP: {
	unmeasured(1);

	# and not what the machine keeps the clients from
	cmp_ok($r->{resume_us}{p99} - max(@off), '<', within(RESUME),
		'from Close to the next record, p99');
}

note(sprintf '%d clients are back after %s s; p99 from Close to the next '
	. 'record %.0f ms, off a processor %s ms', CLIENTS, join(', ',
	map { sprintf '%.1f', $_ } @back), $r->{resume_us}{p99} / 1000,
	join(', ', map { sprintf '%.0f', $_ / 1000 } @off));
note($r->{text});

###############################################################################

sub next_offset { return status()->{topics}[0]{partitions}[0]{next} }

sub status { return $t->status()->{clusters}[0] }

###############################################################################
